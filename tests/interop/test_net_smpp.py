"""Perl's Net::SMPP against the bridge: all three binds, submissions, receipts, unbind."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from smppbridge.simulators.keccel import KeccelSimulator
from smppbridge.smpp.constants import CommandStatus
from tests.cli.processes import Program
from tests.interop.bridged import PASSWORD, Place, in_thread, settle
from tests.patience import PATIENCE

NUMBER = "243810000001"
LONG = "0123456789" * 20
# what each submission says: esm_class, data_coding, short_message
SEGMENTS = [
    (0, 0, b"Caf\x05 \x1be 3"),
    (0, 8, "Привет, мир!".encode("utf-16-be")),
    (0x40, 0, b"\5\0\3\7\2\1" + LONG[:153].encode()),
    (0x40, 0, b"\5\0\3\7\2\2" + LONG[153:].encode()),
]
TEXTS = ["Café € 3", "Привет, мир!", LONG]

# Asynchronous once it is bound: a synchronous request drops what comes before its response.
SCRIPT = r"""
use strict;
use JSON::PP;
use Net::SMPP;

my ($port, $password, $mode, @submissions) = @ARGV;
$| = 1;

sub say_it { print JSON::PP->new->canonical->encode({@_}), "\n" }

sub bound {
    my $new = "new_$_[0]";
    my ($smpp, $resp) = Net::SMPP->$new('127.0.0.1',
        port => $port, system_id => 'perl', password => $password, async => 0);
    die "no connection: $!" unless $smpp;
    say_it(event => 'bound', as => $_[0], status => $resp->{status},
        system_id => $resp->{system_id}, version => unpack('C', $resp->{sc_interface_version}));
    exit if $resp->{status};
    return $smpp;
}

sub take {
    my ($smpp) = @_;
    my $pdu = $smpp->read_pdu() or die 'the connection is lost';
    my $name = Net::SMPP::pdu_tab->{$pdu->{cmd}}{cmd};
    if ($name eq 'deliver_sm') {
        $smpp->deliver_sm_resp(seq => $pdu->{seq}, message_id => '');
        say_it(event => $name, esm_class => $pdu->{esm_class}, from => $pdu->{source_addr},
            to => $pdu->{destination_addr}, text => $pdu->{short_message},
            id => $pdu->{receipted_message_id}, state => unpack('C', $pdu->{message_state}));
    } elsif ($name eq 'submit_multi_resp') {
        my ($to, $why) = @$pdu{'destination_addr', 'error_status_code'};
        my %refused = map { $to->[$_] => $why->[$_] } 0 .. $pdu->{no_unsuccess} - 1;
        say_it(event => $name, status => $pdu->{status}, id => $pdu->{message_id},
            refused => \%refused);
    } else {
        say_it(event => $name, status => $pdu->{status}, seq => $pdu->{seq},
            id => $pdu->{message_id});
    }
    return $name;
}

my $tx = bound($mode eq 'transceiver' ? $mode : 'transmitter');
my $rx = $mode eq 'transceiver' ? $tx : bound('receiver');
my $owed = 0;
for (@submissions) {
    my ($to, $esm_class, $data_coding, $octets) = split /:/;
    my @to = split /,/, $to;
    my $submit = @to > 1 ? 'submit_multi' : 'submit_sm';
    my %to = @to > 1
        ? (destination_addr => \@to, dest_addr_ton => [map { 1 } @to],
            dest_addr_npi => [map { 1 } @to], dest_flag => [map { /^\d/ ? 1 : 2 } @to])
        : (destination_addr => $to, dest_addr_ton => 1, dest_addr_npi => 1);
    $owed += grep { /^\d{12}$/ } @to;
    $tx->$submit(async => 1,
        source_addr_ton => 5, source_addr => 'ACME', %to,
        esm_class => $esm_class, data_coding => $data_coding, registered_delivery => 1,
        short_message => pack('H*', $octets));
}
my %seen;
$seen{take($tx)}++
    while ($seen{submit_sm_resp} // 0) + ($seen{submit_multi_resp} // 0) < @submissions;
$seen{take($rx)}++ while ($seen{deliver_sm} // 0) < $owed;
for ($tx == $rx ? $tx : ($tx, $rx)) {
    $_->enquire_link(async => 1);
    take($_);
    say_it(event => 'unbound', status => $_->unbind()->{status});
}
"""


def perl_with_net_smpp() -> str:
    """Return the path of a perl that has Net::SMPP; skip, loudly, without one."""
    perl = shutil.which("perl")
    if not perl or subprocess.run([perl, "-MNet::SMPP", "-e1"], capture_output=True).returncode:
        pytest.skip("NET::SMPP IS NOT TESTED, perl has no such module: libnet-smpp-perl")
    return perl


@pytest.fixture(scope="module")
def perl() -> str:
    """Perl that has Net::SMPP."""
    return perl_with_net_smpp()


@pytest.fixture(scope="module")
def place(perl: str, simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return settle(tmp_path_factory.mktemp("net_smpp"), simulator, ["perl"])


@pytest.fixture(scope="module")
def bridge(place: Place) -> Iterator[Program]:
    with place.served() as bridge:
        yield bridge


def said(perl: str, place: Place, *arguments: str) -> list[dict[str, Any]]:
    """Run the script; return the lines that it printed."""
    command = [perl, "-e", SCRIPT, place.port, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def of(event: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == event]


# not the same number twice: segments of the same octets would be a repetition
@pytest.mark.parametrize(
    ("mode", "number"), [("separate", NUMBER), ("transceiver", "243810000007")]
)
@in_thread
def test_every_segment_is_answered_and_has_its_receipt(
    bridge: Program, perl: str, place: Place, simulator: KeccelSimulator, mode: str, number: str
) -> None:
    simulator.taken.clear()
    submissions = [f"{number}:{esm}:{coding}:{octets.hex()}" for esm, coding, octets in SEGMENTS]
    lines = said(perl, place, PASSWORD, mode, *submissions)

    kinds = [mode] if mode == "transceiver" else ["transmitter", "receiver"]
    bound = {"event": "bound", "status": 0, "system_id": "SMPPBRIDGE", "version": 0x34}
    assert of("bound", lines) == [bound | {"as": kind} for kind in kinds]
    assert [line["status"] for line in of("submit_sm_resp", lines)] == [0] * len(SEGMENTS)
    assert [line["status"] for line in of("enquire_link_resp", lines)] == [0] * len(kinds)
    assert [line["status"] for line in of("unbound", lines)] == [0] * len(kinds)

    assert simulator.taken == {(number, text): 1 for text in TEXTS}
    ids = [line["id"] for line in of("submit_sm_resp", lines)]
    receipts = {line["id"].rstrip("\0"): line for line in of("deliver_sm", lines)}
    assert sorted(receipts) == sorted(ids)
    for message_id, receipt in receipts.items():
        assert (receipt["esm_class"], receipt["state"]) == (4, 2)
        assert (receipt["from"], receipt["to"]) == (number, "ACME")
        assert receipt["text"].startswith(f"id:{message_id} sub:001 dlvrd:001 submit date:")
        assert " stat:DELIVRD err:000 text:" in receipt["text"]


@in_thread
def test_failures_are_told_by_receipt_and_by_status(
    bridge: Program, perl: str, place: Place
) -> None:
    lines = said(perl, place, PASSWORD, "transceiver", "243810000090:0:0:78")
    (submitted,), (receipt,) = of("submit_sm_resp", lines), of("deliver_sm", lines)
    assert receipt["id"].rstrip("\0") == submitted["id"]
    assert (receipt["state"], " stat:UNDELIV err:001 " in receipt["text"]) == (5, True)


@in_thread
def test_a_wrong_password_is_refused(bridge: Program, perl: str, place: Place) -> None:
    (bound,) = said(perl, place, "wrong", "transceiver")
    assert bound["status"] == 0x0E


@in_thread
def test_a_submit_multi_is_answered_once_and_has_a_receipt_for_each_number(
    bridge: Program, perl: str, place: Place, simulator: KeccelSimulator
) -> None:
    simulator.taken.clear()
    numbers = ["243810000021", "243810000022"]
    to = ",".join(["nobody", numbers[0], "1", numbers[1]])
    lines = said(perl, place, PASSWORD, "transceiver", f"{to}:0:0:{b'hi all'.hex()}")
    (answer,) = of("submit_multi_resp", lines)
    assert answer["status"] == 0
    assert answer["refused"] == {
        "nobody": CommandStatus.ESME_RINVDLNAME,
        "1": CommandStatus.ESME_RINVDSTADR,
    }
    receipts = of("deliver_sm", lines)
    assert {receipt["id"].rstrip("\0") for receipt in receipts} == {answer["id"]}
    assert sorted(receipt["from"] for receipt in receipts) == numbers
    assert simulator.taken == {(number, "hi all"): 1 for number in numbers}
