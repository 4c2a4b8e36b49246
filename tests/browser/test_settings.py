"""Settings, audit log and billing in a browser."""

from __future__ import annotations

import json

from tests.browser.stage import Stage


def test_a_changed_file_is_shown_and_applied(stage: Stage) -> None:
    bank = stage.daemon.settings["accounts"][0]
    bank["throughput"] = 321
    stage.daemon.write()
    try:
        with stage.page("/settings") as page:
            diff = page.locator("#diff")
            diff.get_by_text("+ 321").wait_for()
            page.get_by_role("button", name="Check the file").click()
            page.get_by_text("The file is good").wait_for()
            page.get_by_role("button", name="Apply 1 change…").click()
            page.get_by_role("button", name="Apply 1 change", exact=True).click()
            page.get_by_text("the file is as it is in force").wait_for()
        assert stage.ask("GET", "/accounts/bank")["throughput"]["limit"] == 321
    finally:
        del bank["throughput"]
        stage.daemon.write()


def test_a_file_with_faults_says_where(stage: Stage) -> None:
    bank = stage.daemon.settings["accounts"][0]
    bank["windoww"] = 1
    stage.daemon.write()
    try:
        with stage.page("/settings") as page:
            page.get_by_text("what is in force stays").wait_for()
            page.get_by_text("accounts[0].windoww").first.wait_for()
            assert not page.get_by_role("button", name="Apply").count()
    finally:
        del bank["windoww"]
        stage.daemon.write()


def test_secrets_are_not_in_the_settings(stage: Stage) -> None:
    with stage.page("/settings", role="viewer") as page:
        page.get_by_label("Find a key").fill("keccel.token")
        settings = page.get_by_role("table", name="Settings in force")
        settings.get_by_text("providers.keccel.token").wait_for()
        assert "TOKEN-OF-KECCEL" not in page.content()
        assert not page.get_by_role("button", name="Restart…").count()


def test_the_doctor_is_asked(stage: Stage) -> None:
    with stage.page("/settings", role="operator") as page:
        page.get_by_role("button", name="Run").click()
        findings = page.get_by_role("table", name="Doctor")
        findings.get_by_text("clock").first.wait_for()


def test_acts_are_in_the_audit_log_and_in_its_file(stage: Stage) -> None:
    stage.ask("POST", "/providers/keccel/probe")
    with stage.page("/audit") as page:
        table = page.get_by_role("table", name="Audit log")
        table.get_by_text("probe provider").first.wait_for()
        with page.expect_download() as waiting:
            page.get_by_role("button", name="JSON lines").click()
        lines = waiting.value.path().read_text().splitlines()
        assert "probe_provider" in [json.loads(line)["action"] for line in lines]


def test_billing_sees_its_screen_and_no_other(stage: Stage) -> None:
    with stage.page("/cdr", role="billing") as page:
        page.get_by_role("heading", name="Billing").wait_for()
        page.get_by_role("button", name="Count").click()
        page.get_by_role("table", name="Reconciliation").get_by_text("even").first.wait_for()
        page.goto(f"{stage.url}#/providers")
        page.get_by_text("This screen is not for the role billing").wait_for()
