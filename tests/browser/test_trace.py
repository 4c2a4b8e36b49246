"""A trace in a browser: started, watched, downloaded, stopped."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.browser.stage import HOSTILE, Heard, Stage


def test_start_watch_download_stop(stage: Stage, tmp_path: Path) -> None:
    with stage.page("/trace?account=bank", role="operator") as page:
        page.get_by_role("button", name="Start").click()
        page.get_by_role("heading", name="bank").wait_for()
        page.get_by_text("Nothing has passed yet").wait_for()
        stage.submit("first secret words", HOSTILE, "last secret words")
        row = page.get_by_role("button", name=re.compile("SubmitSm "))
        row.first.click()
        octets = page.get_by_label("The packet in octets").inner_text()
        assert bytes.fromhex(re.sub(r"\s", "", octets))[4:8] == b"\0\0\0\x04"
        assert "secret words" not in page.content()
        page.get_by_role("link", name="Providers").click()  # the badge is on every page
        page.get_by_role("link", name="trace of bank runs").click()
        with page.expect_download() as waiting:
            page.get_by_role("link", name="pcapng for Wireshark").click()
        path = tmp_path / "trace.pcapng"
        waiting.value.save_as(path)
        assert path.read_bytes().startswith(b"\x0a\x0d\x0d\x0a")
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("The trace has ended").wait_for()
        page.get_by_role("link", name="trace of bank runs").wait_for(state="detached")
        page.get_by_role("button", name="Drop…").click()
        page.get_by_role("button", name="Drop the trace").click()
        page.get_by_text("No trace runs").or_(page.get_by_role("table")).first.wait_for()
    read_by_tshark(path)


def read_by_tshark(path: Path) -> None:
    tshark = shutil.which("tshark")
    if tshark:
        told = subprocess.run(
            [tshark, "-n", "-r", path], capture_output=True, text=True, check=True
        )
        assert "Submit_sm" in told.stdout


def test_an_operator_is_not_offered_texts(stage: Stage) -> None:
    with stage.page("/trace", role="operator") as page:
        page.get_by_role("button", name="Start").wait_for()
        assert not page.get_by_label("Texts").count()
    with stage.page("/trace") as page:
        page.get_by_label("Texts").wait_for()


def test_an_address_that_is_none_is_refused_in_words(stage: Stage) -> None:
    with stage.page("/trace", role="operator", heard=Heard()) as page:
        page.get_by_label("What of").select_option("address")
        page.get_by_label("Which").fill("nowhere")
        page.get_by_role("button", name="Start").click()
        page.get_by_text("address").first.wait_for()
        assert "#/trace" in page.url
        assert not re.search(r"/trace/\d", page.url)
