"""Accounts in a browser: sessions, refused binds, oddities, receipts."""

from __future__ import annotations

import re

from smppbridge.smpp.pdus import BindTransmitter
from tests.browser.stage import Stage
from tests.system.esme import Esme


def test_an_operator_unbinds_a_session(stage: Stage) -> None:
    with stage.bound() as esme, stage.page("/accounts/bank", role="operator") as page:
        sessions = page.get_by_role("table", name="Sessions")
        sessions.get_by_role("button", name="Unbind…").first.click()
        dialog = page.get_by_role("dialog")
        assert "No message is lost" in dialog.inner_text()
        dialog.get_by_role("button", name="Unbind 1").click()
        page.get_by_text("1 session unbound.").wait_for()
        esme.await_end()
        assert esme.unbound


def test_transmitters_alone_get_no_receipts_and_the_page_says_so(stage: Stage) -> None:
    esme = Esme(stage.daemon.smpp)
    with esme:
        assert esme.bind(BindTransmitter, "pbx") == 0
        esme.submit("hello", registered_delivery=1)
        with stage.page("/accounts/pbx", role="viewer") as page:
            page.get_by_role("heading", name=re.compile("1 receipt waits")).wait_for()
            page.get_by_text("bind as a transceiver").wait_for()
    with stage.daemon.bound(system_id="pbx") as esme:
        esme.await_receipts(1)


def test_a_refused_bind_is_listed_with_its_remedy(stage: Stage) -> None:
    with Esme(stage.daemon.smpp) as esme:
        assert esme.bind(password="wrong") != 0
    with Esme(stage.daemon.smpp) as esme:
        assert esme.bind(system_id="<b>nobody</b>") != 0
    with stage.page("/accounts") as page:
        binds = page.get_by_role("table", name="Refused binds")
        binds.get_by_text("The password is wrong.").first.wait_for()
        binds.get_by_text("<b>nobody</b>").first.wait_for()


def test_an_oddity_names_the_setting_that_helps(stage: Stage) -> None:
    stage.submit("", short_message=b"caf\xe9", data_coding=0)
    with stage.page("/accounts/bank") as page:
        oddities = page.get_by_role("table", name="Oddities")
        oddities.get_by_text("data_coding_0: latin1").wait_for()


def test_a_receipt_is_shown_as_text_fields_and_octets(stage: Stage) -> None:
    with stage.page("/accounts/bank", role="operator") as page:
        page.get_by_label("State").select_option("UNDELIVERABLE")
        page.get_by_role("button", name="Show the receipt").click()
        text = page.get_by_label("Text of the receipt")
        text.wait_for()
        assert "stat:UNDELIV" in text.inner_text()
        octets = page.get_by_label("Octets of the receipt").inner_text()
        assert b"stat:UNDELIV" in bytes.fromhex(re.sub(r"\s", "", octets))
        page.get_by_role("table", name="Fields of the receipt").get_by_text("esm_class").wait_for()
        page.get_by_label("SMPP of the client").select_option("3.3")
        page.get_by_role("button", name="Show the receipt").click()
        page.get_by_text("receipted_message_id").wait_for(state="detached")


def test_another_error_text_and_time_zone_are_tried(stage: Stage) -> None:
    with stage.page("/accounts/bank", role="viewer") as page:
        text = page.get_by_label("Text of the receipt")
        page.get_by_label("err", exact=True).fill("17")
        page.get_by_label("The message").select_option("another …")
        page.get_by_label("Its text").fill("«Hé» <b>")
        page.get_by_label("Time zone").select_option("+05:30")
        page.keyboard.press("Tab")
        page.get_by_role("button", name="Show the receipt").click()
        text.get_by_text("err:017 text:?H?? <b>").wait_for()
        page.get_by_label("Text in it").select_option("none")
        page.get_by_role("button", name="Show the receipt").click()
        text.get_by_text("err:017 text:none").wait_for()


def test_a_refused_submission_is_found_with_its_reason(stage: Stage) -> None:
    with stage.bound() as esme:
        assert esme.submit("hello", "123456789012345678").command_status != 0
        assert esme.submit("", source_addr=b"<b>x</b>").command_status != 0
    with stage.page("/refused", role="viewer") as page:
        table = page.get_by_role("table", name="Refused submissions")
        table.get_by_text("The message is empty.").first.wait_for()
        table.get_by_text("<b>x</b>").wait_for()
        page.get_by_label("Why").select_option("no_text")
        page.get_by_role("button", name="Newer").wait_for()
        assert "reason=no_text" in page.url
        page.get_by_label("Account").select_option("pbx")
        page.get_by_text("No such submission was refused").wait_for()
