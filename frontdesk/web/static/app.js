// What pages do beyond plain links and forms. Everything works without it.
"use strict";

for (const button of document.querySelectorAll(".reveal")) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? button.dataset.hide : button.dataset.show;
    button.setAttribute("aria-label", shown ? button.dataset.hides : button.dataset.shows);
  };
  button.hidden = false;
  show(false);
  button.addEventListener("click", () => show(input.type === "password"));
  // Browsers remember what was typed into a text field, and a password isn't to be among it.
  input.form.addEventListener("submit", () => show(false));
}

for (const form of document.querySelectorAll("form[data-once]")) {
  // A second click while the first is on its way would find its own account taken.
  form.addEventListener("submit", (event) => {
    if (form.classList.contains("sent")) event.preventDefault();
    form.classList.add("sent");
    // Nothing tells that somebody has stopped it, and wants to send it after all.
    setTimeout(() => form.classList.remove("sent"), 8000);
  });
}

window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form.sent")) form.classList.remove("sent");
});

const found = document.getElementById("found");
if (found) {
  const fail = () => { found.textContent = found.dataset.failed; };
  document.addEventListener("htmx:responseError", fail);
  document.addEventListener("htmx:sendError", fail);
}
