"""A provider that is described in YAML, and one that calls back."""

from __future__ import annotations

from tests.providers.described import template

ACME = template("""
    base_url: https://acme.test/v1/
    secrets: {token: "${TOKEN}"}
    headers: {X-API-KEY: "{token}"}
    submit:
      url: sms
      body: {to: "{number}", from: "{sender}", text: "{text}", ours: "{message_id}"}
      status: /status
      accepted: [Sent, 0, true]
      refused: [Rejected, 9]
      id: /id
      error: [/error/code, /error/message]
    query:
      url: sms/{provider_message_id}
      id: /id
      status: /status
      error: [/error/code, /error/message]
      missing: 404
    balance: {url: credit, amount: /data/credit, unit: KES}
    callback:
      read: json
      items: /reports
      id: /id
      status: /status
      error: /code
      answer: ACK
    states: {Lost: undeliverable, Gone: unknown, Read: delivered, seen: enroute}
    errors:
      42: destination
      43: throttled
      quota: provider
      spam: message
      sender id: source
      too long: length
    http: {402: provider, 420: throttled, 500: message}
    retry_after: X-Wait
""")

TOLD = template(
    """
    callback_key: kkkkkkkkkkkkkkkk
    base_url: https://acme.test/{{x}}
    submit:
      url: /
      send: form
      body: {to: "{number}", text: "{text}", url: "{callback_url}?ours={message_id}", n: 1}
      id: id
      read: form
    callback: {id: id, message_id: "?ours", status: status}
    mo: {read: json, items: "", id: /id, from: /from, to: /to, text: /text}
""",
    "https://sms.test/callbacks/it/key",
)
