"""Every mistake in a template is told at its line, with its reason."""

from __future__ import annotations

import pytest

from tests.providers.described import SUBMIT, TOKEN, faults, template

CALLBACK = "callback: {id: id, status: status}\n"


def only(text):
    """Return the only fault: line, key, message."""
    (found,) = faults(text)
    return found


def test_the_smallest_template_is_four_lines():
    assert template(SUBMIT).abilities.batch == 1


def test_all_faults_are_told_at_once_each_at_its_line():
    text = """
        base_url: https://acme.test
        http: {200: provider}
        submit:
          url: send
          body:
            to: "{numbr}"
            deep:
              - "{text}"
              - "{provider_message_id}"
          id: messageID
        query:
          url: "{provider_message_id}"
          status: status
    """
    assert [(line, key) for line, key, _ in faults(text)] == [
        (3, "http.200"),
        (4, "submit"),
        (7, "submit.body.to"),
        (10, "submit.body.deep[1]"),
        (11, "submit.id"),
        (14, "query.status"),
    ]


def submit(**changed):
    """Return a template whose submit has other keys."""
    keys = {
        "url": "https://acme.test/send",
        "body": '{to: "{number}", text: "{text}"}',
        "id": "/id",
    } | changed
    return "submit:\n" + "".join(f"  {key}: {value}\n" for key, value in keys.items() if value)


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        (submit(bodi="x"), "submit.bodi", "unknown key; did you mean body?"),
        (submit(url=""), "submit.url", "is required"),
        (submit(url="acme.test/send"), "submit.url", "must begin with https:// or http://"),
        (submit(url="ftp://acme.test/"), "submit.url", "must begin with https:// or http://"),
        (submit(url="https:///send"), "submit.url", "must begin with https:// or http://"),
        (submit(url="https://a.test:x/"), "submit.url", "is not a URL"),
        (submit(url="https://me:pw@a.test/"), "submit.url", "has credentials in it"),
        (submit(url='"https://a.test/x#y"'), "submit.url", "has a fragment"),
        (submit(url="https://a.test/a b"), "submit.url", "has characters"),
        (submit(url='"https://{number}.test/"'), "submit.url", "has a placeholder in its host"),
        (submit(url='"https://a.test:{number}/"'), "submit.url", "is not a URL|in its host"),
        (submit(url='"https://a.test{number}/"'), "submit.url", "has a placeholder in its host"),
        (submit(url='"https://a.test{number}"'), "submit.url", "has a placeholder in its host"),
        (submit(url='"https://a.test{number}?{text}"'), "submit.url", "in its host"),
        (submit(method="SEND"), "submit.method", "must be 'GET', 'POST'"),
        (submit(send="yaml"), "submit.send", "must be 'json', 'form', 'xml' or 'text'"),
        (submit(read="yaml"), "submit.read", "must be 'json', 'form', 'xml' or 'text'"),
        (submit(id="id"), "submit.id", "is not a JSON pointer"),
        (submit(parts="messages"), "submit.parts", "is not a JSON pointer"),
        (submit(read="text", id="x", parts="x"), "submit.parts", "there are no lists in a text"),
        (submit(read="xml", id="x", parts="'x/@y'"), "submit.parts", "is an attribute"),
        (submit(parts="/a", id=""), "submit.id", "is required with parts"),
        (
            submit(
                parts="/a",
                body='{to: "{number}", text: "{text}", ours: "{message_id}"}',
            )
            + "callback: {message_id: ours, status: status}\n",
            "callback.id",
            "is required with submit.parts",
        ),
        (submit(delivered_by="last"), "submit.delivered_by", "where is their list"),
        (submit(parts="/a", delivered_by="most"), "submit.delivered_by", "'all', 'last' or 'first"),
        (submit(id='"/a~2"'), "submit.id", "is not a JSON pointer"),
        (submit(id='"/' + "x" * 200 + '"'), "submit.id", "longer than 200"),
        (submit(read="xml", id="'a[['"), "submit.id", "is not a path in XML"),
        (submit(read="xml", id="/a"), "submit.id", "is not a path in XML"),
        (submit(read="xml", id="a/@"), "submit.id", "is not a path in XML"),
        (submit(read="form", id="''"), "submit.id", "is empty"),
        (submit(read="text", id="'('"), "submit.id", "is not a regular expression"),
        (submit(read="text", id="'(a)(b)'"), "submit.id", "more than one group"),
        (submit(error="[/a, b]"), "submit.error", "is not a JSON pointer"),
        (submit(status="/a"), "submit.accepted", "is required with status"),
        (submit(accepted="OK"), "submit.status", "is required with accepted"),
        (submit(body='{to: "{number}"}'), "submit", "has no {text}"),
        (submit(body='{text: "{text}"}'), "submit", "has no {number}"),
        (submit(body='{a: "{number}{text}{"}'), "submit.body.a", "has a brace"),
        (submit(body='{a: "{number}{text}}"}'), "submit.body.a", "has a brace"),
        (submit(body='{a: "{number}{text}{ key }"}'), "submit.body.a", "has a brace"),
        (
            submit(body='{a: "{number}{text}{msg_id}"}'),
            "submit.body.a",
            "unknown placeholder {msg_id}",
        ),
        (
            submit(body='{a: "{number}{text}{numbers}"}'),
            "submit.body.a",
            r"{numbers} \(the destinations of a batch\) means nothing here: there is {alphabet}",
        ),
        (
            submit(parameters='{a: "{number}"}', body="{to: {text}}"),
            "submit.body.to",
            'is a mapping to YAML: write "{text}" in quotes|has no {text}',
        ),
        (submit(parameters="{to: {number}}"), "submit.parameters.to", "put it in quotes"),
        (submit(send="form", body="x"), "submit.body", "must be names and values"),
        (
            submit(send="form", body='{a: {b: c}, d: "{number}{text}"}'),
            "submit.body.a",
            "must be text",
        ),
        (submit(send="xml", body="{a: b}"), "submit.body", "must be the text of the xml"),
        (submit(send="xml", body='"<a>{number}{text}"'), "submit.body", "is not XML: no element"),
        (submit(send="xml", body='"<a>{number}<!--{text}--></a>"'), "submit.body", "is not XML"),
        (
            submit(send="xml", body='"<a>{number}<![CDATA[{text}]]></a>"'),
            "submit.body",
            "is not XML|holds no text",
        ),
        (
            submit(send="xml", body='"<!DOCTYPE a><a>{number}{text}</a>"'),
            "submit.body",
            "has a DOCTYPE",
        ),
        (
            submit(
                send="xml", body="\"<?xml version='1.0' encoding='latin1'?><a>{number}{text}</a>\""
            ),
            "submit.body",
            "declares another encoding",
        ),
        (submit(headers='{"a b": c}'), "submit.headers.a b", "is not the name of a header"),
        (submit(headers="{Host: c}"), "submit.headers.Host", "is set by the bridge"),
        (submit(headers='{X: "{text}"}'), "submit.headers.X", "cannot hold {text}"),
        (submit(headers='{X: "a\\nb"}'), "submit.headers.X", "must be printable ASCII"),
        ("base_url: acme.test\n" + submit(url="send"), "base_url", "must begin with https://"),
        ('base_url: "https://{x}.test"\n' + submit(url="send"), "base_url", "unknown placeholder"),
        ('headers: {X: "{number}"}\n' + SUBMIT, "headers.X", "means nothing here: there is none"),
        ("secrets: {a: b}\n" + SUBMIT, "secrets.a", "is used nowhere: write {a} where it goes"),
        ("states: {LOST: gone}\n" + SUBMIT, "states.LOST", "must be 'enroute', 'delivered'"),
        ("errors: {spam: nobody}\n" + SUBMIT, "errors.spam", "must be 'provider'"),
        ('errors: {" ": provider}\n' + SUBMIT, "errors. ", "is empty"),
        ("http: {teapot: provider}\n" + SUBMIT, "http.teapot", "must be a whole number"),
        ("http: {200: provider}\n" + SUBMIT, "http.200", "is not the HTTP status of a fault"),
        ("retry_after: a b\n" + SUBMIT, "retry_after", "is not the name of a header"),
        ("on_5xx: maybe\n" + SUBMIT, "on_5xx", "must be 'uncertain'"),
        ("idempotent: soon\n" + SUBMIT, "idempotent", "is not a duration"),
        ("idempotent: 24h\n" + SUBMIT, "idempotent", "needs {key} in submit"),
        ("auth: {bearer: abc}\n" + SUBMIT, "auth.bearer", "stands here in clear"),
        (
            'auth: {basic: {username: "a:b", password: "{t}"}}\nsecrets: {t: x}\n' + SUBMIT,
            "auth.basic.username",
            "has a colon",
        ),
        (
            'auth: {bearer: "{t}", basic: {username: a, password: "{t}"}}\n'
            'headers: {X: "{t}"}\nsecrets: {t: x}\n' + SUBMIT,
            "auth",
            "more than one",
        ),
        ("auth: {basics: {}}\n" + SUBMIT, "auth.basics", "unknown key; did you mean basic?"),
        (
            'auth: {oauth2: {token_url: x, client_id: y, client_secret: "{t}"}}\n'
            "secrets: {t: x}\n" + SUBMIT,
            "auth.oauth2.token_url",
            "must begin with https://",
        ),
        (CALLBACK + submit(id=""), "submit.id", "is required where reports come"),
        ("callback: {status: s}\n" + SUBMIT, "callback.id", "is required"),
        (
            "callback: {status: s, message_id: m}\n" + SUBMIT,
            "callback.message_id",
            "no request has {message_id}",
        ),
        (
            "callback: {id: i, status: s, items: x}\n" + SUBMIT,
            "callback.items",
            "no lists in a form",
        ),
        (
            submit(body='{a: "{number}{text}", b: "{callback_url}"}'),
            "callback",
            "the provider is told {callback_url}",
        ),
        ("mo: {id: i, from: f, to: t, text: x}\n" + SUBMIT, "mo", "needs callback beside it"),
        (CALLBACK + "mo: {id: i, to: t, text: x}\n" + SUBMIT, "mo.from", "is required"),
        ("query: {url: https://a.test/, status: /s}\n" + SUBMIT, "query", "does not say which"),
        (
            'query: {url: "https://a.test/{provider_message_id}"}\n' + SUBMIT,
            "query.status",
            "is required",
        ),
        ("balance: {url: https://a.test/}\n" + SUBMIT, "balance.amount", "is required"),
        (
            'balance: {url: "https://a.test/{number}", amount: ""}\n' + SUBMIT,
            "balance.url",
            "means nothing here",
        ),
    ],
)
def test_a_mistake_is_told_at_its_key(text, key, reason):
    found = faults(text)
    assert key in [key for _, key, _ in found], found
    message = next(message for _, where, message in found if where == key)
    assert any(part.replace("\\", "") in message for part in reason.split("|")), message


BATCH = 'batch: {max: 5, items: "", number: /n, id: /i, body: %s}\n'


@pytest.mark.parametrize(
    ("batch", "key", "reason"),
    [
        (BATCH % '{to: "{numbers}"}', "batch", "has no {text}"),
        (BATCH % '{text: "{text}"}', "batch", "has neither {numbers} nor {messages}"),
        (BATCH % '{to: "{numbers}", a: "{number}{text}"}', "batch.body.a", "means nothing here"),
        (BATCH % '{to: "{messages}"}', "batch.each", "and {messages} go together"),
        (BATCH % '{to: "x{messages}"}', "batch.body.to", "cannot hold {messages}"),
        ("batch: {max: 1, body: {a: '{numbers}{text}'}}\n", "batch.max", "must be 2 to 10000"),
        ("batch: {body: {a: '{numbers}{text}'}}\n", "batch.max", "is required"),
        (
            CALLBACK + "batch: {max: 5, body: {a: '{numbers}{text}'}}\n",
            "batch.items",
            "is required where reports come",
        ),
        (
            CALLBACK + "batch: {max: 5, items: '', body: {a: '{numbers}{text}'}}\n",
            "batch.id",
            "is required where reports come",
        ),
        (
            "batch: {max: 5, number: /n, body: {a: '{numbers}{text}'}}\n",
            "batch.number",
            "is a place within items",
        ),
        (
            "batch: {max: 5, items: x, body: {a: '{numbers}{text}'}}\n",
            "batch.items",
            "is not a JSON pointer",
        ),
        (
            "batch: {max: 5, items: 'a/@b', read: xml, body: {a: '{numbers}{text}'}}\n",
            "batch.items",
            "is an attribute",
        ),
        (
            "batch: {max: 5, send: form, each: {a: b}, body: {a: '{numbers}{text}'}}\n",
            "batch.each",
            "cannot stand in a form",
        ),
        (
            "batch: {max: 5, each: {a: '{text}'}, body: '{messages}'}\n",
            "batch.each",
            "has no {number}",
        ),
        (
            "batch: {max: 5, send: xml, each: '<a>{number}{text}', body: '<b>{messages}</b>'}\n",
            "batch.each",
            "is not XML",
        ),
    ],
)
def test_a_batch_has_a_list_and_texts(batch, key, reason):
    found = {where: message for _, where, message in faults(batch + SUBMIT)}
    assert reason in found[key]


def test_places_that_a_batch_has_from_submit_are_told_once():
    text = "batch: {max: 5, body: {a: '{numbers}{text}'}}\n" + submit(id="id", error="x")
    assert [key for _, key, _ in faults(text)] == ["submit.id", "submit.error"]


def test_secrets_have_names_of_their_own():
    text = 'secrets: {number: hidden-1, "a-b": hidden-2}\n' + SUBMIT
    found = {key: message for _, key, message in faults(text)}
    assert found["secrets.number"] == "is the name of a placeholder"
    assert found["secrets.a-b"] == "must be letters, digits and _"


def test_a_fault_never_shows_a_secret():
    text = 'secrets: {t: "${TOKEN}"}\nbase_url: "{t}"\nheaders: {X: "{t}"}\n' + submit(url="send")
    assert not any(TOKEN in message for _, _, message in faults(text))


def test_a_secret_can_be_in_a_file(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    provider = template(
        f'secrets: {{t: {{file: {tmp_path}/token}}}}\nauth: {{bearer: "{{t}}"}}\n' + SUBMIT
    )
    assert provider.secrets == {"t": TOKEN}


def test_a_missing_variable_is_told_at_its_line():
    assert only('secrets:\n  t: "${NOBODY}"\nheaders: {X: "{t}"}\n' + SUBMIT)[:2] == (
        2,
        "secrets.t",
    )
