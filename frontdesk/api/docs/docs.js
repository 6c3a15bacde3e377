// Trying the calls. The token lives in this closure: not in a cookie, not in storage, gone with the page.
(() => {
  "use strict";

  let token = null;
  let account = null;
  const who = document.getElementById("who");

  function showWho() {
    const state = who.querySelector(".state");
    state.textContent = account ? `${state.dataset.somebody} ${account.username}` : state.dataset.nobody;
    who.classList.toggle("known", token !== null);
  }

  function learn(name, status, body) {
    if (name === "logIn" && status === 201) {
      ({ token, account } = body);
    } else if ((name === "logOut" || name === "deleteAccount") && status === 204) {
      token = account = null;
    } else if ((name === "getAccount" || name === "updateAccount") && status === 200) {
      account = body;
    }
    showWho();
  }

  async function send(name, method, path, body) {
    const headers = {};
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    // The page's own cookie isn't what is tried here.
    const answer = await fetch(path, { method, headers, body, credentials: "omit", redirect: "error", cache: "no-store" });
    const text = await answer.text();
    let shown = text;
    let value = null;
    try {
      value = JSON.parse(text);
      shown = JSON.stringify(value, null, 2);
    } catch {
      // Not JSON: shown as it came.
    }
    learn(name, answer.status, value);
    return { answer, value, shown };
  }

  function preformatted(text) {
    const found = document.createElement("pre");
    found.textContent = text;
    // What scrolls has to scroll by keyboard too.
    found.tabIndex = 0;
    return found;
  }

  function show(result, { answer, shown }) {
    const status = document.createElement("p");
    const pill = document.createElement("span");
    pill.className = `status s${Math.floor(answer.status / 100)}`;
    pill.textContent = answer.status;
    status.append(pill, ` ${answer.statusText}`);
    const headers = preformatted([...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n"));
    headers.className = "headers";
    result.replaceChildren(status, headers);
    if (shown) result.append(preformatted(shown));
  }

  async function tryIt(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const result = form.querySelector(".result");
    const button = form.querySelector("button");
    const query = new URLSearchParams();
    let path = form.dataset.path;
    for (const input of form.querySelectorAll("[data-in]")) {
      if (input.dataset.in === "path") {
        path = path.replace(`{${input.name}}`, () => encodeURIComponent(input.value));
      } else if (input.value !== "") {
        query.set(input.name, input.value);
      }
    }
    if (query.size) path += `?${query}`;
    button.disabled = true;
    // An earlier answer mustn't be taken for this one's.
    result.hidden = true;
    try {
      show(result, await send(form.dataset.name, form.dataset.method, path, form.elements.body?.value));
    } catch {
      result.textContent = form.dataset.failed;
    } finally {
      button.disabled = false;
      result.hidden = false;
    }
  }

  async function logIn(event) {
    event.preventDefault();
    const error = who.querySelector(".error");
    const { login, password } = who.elements;
    error.hidden = true;
    try {
      const body = JSON.stringify({ login: login.value, password: password.value });
      const { answer, value } = await send("logIn", "POST", "/api/v1/sessions", body);
      if (answer.status !== 201) throw new Error(value?.title ?? String(answer.status));
      who.reset();
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
    }
  }

  function forget() {
    token = account = null;
    showWho();
  }

  for (const form of document.querySelectorAll("form.try")) {
    form.addEventListener("submit", tryIt);
  }
  who.addEventListener("submit", logIn);
  document.getElementById("forget").addEventListener("click", forget);
  showWho();
})();
