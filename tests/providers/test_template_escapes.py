"""Whatever is filled in comes out again of a real parser, wherever it stands."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.outcome import Outcome
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, Balance
from smppbridge.providers.template.placeholders import in_header
from smppbridge.providers.template.places import READERS, find
from tests.providers.described import MESSAGE, called, concluded, message_to, octets, template

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TEXTS = st.text(st.characters(), max_size=30) | st.text("\"'<>&{}%\\/+ \r\n\t\0.;=#?", max_size=9)
WHOLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = template("""
    submit:
      url: https://acme.test/
      body: {"%s": "{number}", deep: [{"a": "<{text}>{sender}"}, 7, null, true]}
      id: ""
""")
FORM = template("""
    submit:
      url: https://acme.test/{text}/{sender}?a={text}
      parameters: {b: "{text}", "&": "%d"}
      send: form
      body: {text: "{text}", "from": ["{sender}", "x&{number}"]}
      id: ""
""")
XML = template("""
    submit:
      url: https://acme.test/
      send: xml
      body: |
        <?xml version="1.0" encoding="UTF-8"?>
        <sms to="{number}" from="{sender}"><text>{text}</text>100%s</sms>
      id: ""
""")
PLAIN = template("""
    submit:
      url: https://acme.test/
      headers: {X-From: "{sender}", X-Number: "{number}"}
      send: text
      body: "{number} {{{text}}}"
      read: text
      id: .*
""")


def asked(provider, text, source):
    return next(provider.submit(message_to(text=text, source=source)))


@given(TEXTS, TEXTS)
def test_json(text, source):
    document = json.loads(asked(JSON, text, source).body)
    assert document == {
        "%s": "254711000001",
        "deep": [{"a": f"<{text}>{source}"}, 7, None, True],
    }


@given(WHOLE, WHOLE)
def test_form_query_and_path(text, source):
    request = asked(FORM, text, source)
    fields = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert fields == [("text", text), ("from", source), ("from", "x&254711000001")]
    parts = urlsplit(request.url)
    assert [unquote(each) for each in parts.path.split("/")[1:]] == [text, source]
    query = parse_qsl(parts.query, keep_blank_values=True)
    # what stands in the URL itself is escaped as in a path, which is right in both
    assert query == [("a", text), ("b", text), ("&", "%d")]


@given(TEXTS, TEXTS)
def test_no_segment_of_a_path_leads_above_it(text, source):
    url = asked(FORM, text, source).url
    assert url.isascii()
    assert url.isprintable()
    assert not {".", ".."} & set(urlsplit(url).path.split("/"))


@given(TEXTS, TEXTS)
def test_xml(text, source):
    root = ElementTree.fromstring(asked(XML, text, source).body)
    assert root.get("to") == "254711000001"
    assert root.get("from") == NOT_XML.sub("\ufffd", source)
    assert (root[0].text or "") == NOT_XML.sub("\ufffd", text)
    assert root[0].tail == "100%s"


@given(WHOLE, TEXTS)
def test_text_and_headers(text, source):
    request = asked(PLAIN, text, source)
    assert request.body.decode() == f"254711000001 {{{text}}}"
    headers = dict(request.headers)
    assert headers["X-From"] == in_header(source)
    assert all(c.isascii() and c.isprintable() for c in headers["X-From"])


KINDS = {
    "json": ("/id", "/status", "/items"),
    "xml": ("id", "status/@of", "item"),
    "form": ("id", "status", None),
    "text": (r"id=(\w+)", r"status=(\w+)", None),
}
READ = """
errors: {{spam: provider, 7: throttled, slow: throttled}}
http: {{402: provider}}
submit:
  url: https://acme.test/
  body: "{{number}}{{text}}"
  read: {kind}
  id: '{identifier}'
  status: '{status}'
  accepted: [OK, 0]
  refused: [NO, 1]
  error: '{status}'
query:
  url: https://acme.test/{{provider_message_id}}
  read: {kind}
  id: '{identifier}'
  status: '{status}'
  error: '{status}'
balance: {{url: https://acme.test/, read: {kind}, amount: '{identifier}'}}
"""
BATCH = """
batch:
  max: 9
  body: "{{numbers}}{{text}}"
  items: '{items}'
  number: '{identifier}'
  id: '{identifier}'
  status: '{status}'
"""


def reading(kind):
    identifier, status, items = KINDS[kind]
    text = READ + BATCH if items else READ
    return template(text.format(kind=kind, identifier=identifier, status=status, items=items))


READING = {kind: reading(kind) for kind in KINDS}
WORDS = st.sampled_from(["OK", "NO", "0", "spam", "slow", "7", "a", "", "254711000001", 0, 7, True])
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "status", "ID", "items"]), inner)
    ),
    max_leaves=8,
)
ANSWERS = (
    st.binary(max_size=60)
    | SHAPES.map(lambda shape: json.dumps(shape).encode())
    | st.builds("<r><id>{}</id><status of='{}'/></r>".format, WORDS, WORDS).map(str.encode)
    | st.builds("id={}&status={}".format, WORDS, WORDS).map(str.encode)
)


@given(st.sampled_from(sorted(READING)), ANSWERS, st.integers(0, 999))
def test_whatever_comes_a_submission_is_concluded(kind, body, status):
    provider = READING[kind]
    assert isinstance(concluded(provider.submit(MESSAGE), body, status), Outcome)
    if provider.abilities.batch > 1:
        both = [MESSAGE, message_to("254711000002")]
        outcomes = concluded(provider.submit_batch(both, "key"), body, status)
        assert [isinstance(each, Outcome) for each in outcomes] == [True, True]


@given(st.sampled_from(sorted(READING)), ANSWERS, st.integers(0, 999))
def test_whatever_comes_reading_raises_nothing_but_bad_reply(kind, body, status):
    provider = READING[kind]
    asks = ((provider.query(MESSAGE, "7"), Report), (provider.balance(), Balance))
    for exchange, expected in asks:
        with suppress(BadReply):
            assert isinstance(concluded(exchange, body, status), expected)


CALLED = {
    kind: template(f"""
        callback_key: kkkkkkkkkkkkkkkk
        submit: {{url: "https://acme.test/{{number}}{{text}}{{message_id}}", id: ""}}
        callback:
          read: {kind}
          id: '{identifier}'
          message_id: '?ours'
          status: '{status}'
          error: '{status}'
          {f"items: {items}" if items else ""}
        mo: {{read: {kind}, id: '{identifier}', from: '{identifier}', to: '?to', text: '?text'}}
    """)
    for kind, (identifier, status, items) in KINDS.items()
}
QUERIES = st.dictionaries(st.sampled_from(["id", "status", "ours", "to", "text"]), st.text())


@given(st.sampled_from(sorted(CALLED)), ANSWERS, QUERIES)
def test_whatever_comes_a_callback_raises_nothing_but_bad_reply(kind, body, query):
    with suppress(BadReply):
        assert isinstance(called(CALLED[kind], body, **query), tuple)


@given(
    st.sampled_from(sorted(KINDS)),
    st.text("/.*@[]='\"1a(){}|+?\\^~0", max_size=12),
    st.sampled_from(
        [b'{"a": [{"1": 0}]}', b"<a><a a='1'>0</a>1</a>", b"a=1&1=a", b"aaaa1111(((" * 300]
    ),
)
def test_any_place_is_refused_or_finds(kind, place, body):
    try:
        found = find(place, kind)
    except ValueError:
        return
    with suppress(BadReply):
        found(READERS[kind](octets(body), 65_536))
