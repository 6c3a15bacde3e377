"""GET /openapi.json"""

import httpx


async def test_the_contract_is_served_to_anyone(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    contract = answer.json()
    assert contract["openapi"] == "3.1.0"
    assert contract["info"]["title"] == "Frontdesk"
    assert "post" in contract["paths"]["/api/v1/sessions"]


async def test_the_contract_is_plain_openapi_without_our_own_additions(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert '"x-' not in answer.text.lower().replace('"x-frontdesk-', "")
