"""The counts and timings of the bridge, for Prometheus.

Counts are plain numbers in dictionaries and become metrics only when Prometheus asks, so that a
count costs a few hundred nanoseconds.  All labels are names of ours or of the configuration; values
that a peer may choose are cut down to the names that SMPP has.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from smppbridge.observe.names import NAMES, Name
from smppbridge.smpp.constants import CommandStatus, MessageState

Labels = tuple[str, ...]
Reading = float | Mapping[Labels, float]

_STATUSES = {int(status): status.name for status in CommandStatus}
_STATES = {int(state): state.name for state in MessageState}


class Timing:
    """A histogram: how many times lie between which bounds; only the instance writes its counts."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    @property
    def counts(self) -> Sequence[int]:
        """How many times lie up to each bound and above the one before; the last: above all."""
        return self._counts

    def add(self, seconds: float, count: int = 1) -> None:
        """Add *count* times of equal length."""
        self._counts[bisect_left(self._bounds, seconds)] += count
        self._sum += seconds * count

    def write(self, family: HistogramMetricFamily, labels: Labels) -> None:
        """Add the histogram to *family*, with cumulative buckets as Prometheus counts."""
        total, buckets = 0, []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            buckets.append((floatToGoString(bound), float(total)))
        family.add_metric(labels, buckets, self._sum)


class Metrics(Collector):
    """Counts for the relay (its ``Meters``) and the rest of the bridge; read by ``exposition``.

    Only the methods of the instance write its counts; a gauge is read where it is kept.
    """

    def __init__(self, version: str) -> None:
        self._counts: dict[str, defaultdict[Labels, float]] = {
            name: defaultdict(float) for name, of in NAMES.items() if of.kind == "counter"
        }
        self._timings: dict[str, dict[Labels, Timing]] = {
            name: {} for name, of in NAMES.items() if of.kind == "histogram"
        }
        self._watched: dict[str, Callable[[], Reading]] = {}
        self.watch("smppbridge_build_info", lambda: {(version,): 1})
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self)

    def watch(self, name: str, read: Callable[[], Reading]) -> None:
        """Read a gauge, or a counter kept elsewhere, by *read* when Prometheus asks.

        It returns a number, or one for each tuple of label values.
        """
        if name not in NAMES or NAMES[name].kind == "histogram" or name in self._watched:
            raise ValueError(f"{name} cannot be watched")
        self._watched[name] = read

    def counts(self, name: str) -> Mapping[Labels, float]:
        """Return the counts of a counter that is kept here, by the values of its labels."""
        return self._counts[f"smppbridge_{name}"]

    def timings(self, name: str) -> Mapping[Labels, Timing]:
        """Return the timings of a histogram by the values of its labels."""
        return self._timings[f"smppbridge_{name}"]

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; a metric that cannot be read is left out and counted."""
        for name, of in NAMES.items():
            if of.kind == "histogram":
                yield self._histogram(name, of)
            elif name in self._watched or of.kind == "counter":
                yield from self._numbers(name, of)

    def _histogram(self, name: str, of: Name) -> Metric:
        family = HistogramMetricFamily(name, of.help, labels=of.labels)
        for labels, timing in self._timings[name].items():
            timing.write(family, labels)
        return family

    def _numbers(self, name: str, of: Name) -> Iterator[Metric]:
        reading: Reading
        try:
            reading = self._watched[name]() if name in self._watched else self._counts[name]
        except Exception:
            self._count("smppbridge_unreadable_metrics_total", name)
            return
        if not isinstance(reading, Mapping):
            reading = {(): reading}
        kind = CounterMetricFamily if of.kind == "counter" else GaugeMetricFamily
        family = kind(name, of.help, labels=of.labels)
        for labels, number in reading.items():
            family.add_metric(labels, number)
        yield family

    def _count(self, name: str, *labels: str, by: float = 1) -> None:
        self._counts[name][labels] += by

    def _time(self, name: str, *labels: str, seconds: float, count: int = 1) -> None:
        self._timing(name, *labels).add(seconds, count)

    def _timing(self, name: str, *labels: str) -> Timing:
        timings = self._timings[name]
        timing = timings.get(labels)
        if timing is None:
            timing = timings[labels] = Timing(NAMES[name].bounds)
        return timing

    # relay.ports.Meters

    def accepted(self, system_id: str, count: int) -> None:
        """Count submit_sm answered ESME_ROK."""
        self._count("smppbridge_segments_accepted_total", system_id, by=count)

    def refused(self, system_id: str, command_status: int, reason: str) -> None:
        """Count a submit_sm refused with *command_status*, by a word of `model.reasons`."""
        status = _STATUSES.get(command_status, "other")
        self._count("smppbridge_segments_refused_total", system_id, status, reason)

    def reasoned(self, act: str, reason: str, count: int) -> None:
        """Count a no by a word of `model.reasons`, and by the act that the word explains."""
        self._count("smppbridge_reasons_total", act, reason, by=count)

    def notes_dropped(self, kind: str, count: int) -> None:
        """Count notes that the store does not get."""
        self._count("smppbridge_notes_dropped_total", kind, by=count)

    def operated(self, system_id: str, operation: str, command_status: int, count: int) -> None:
        """Count operations other than submit_sm by their answer."""
        status = _STATUSES.get(command_status, "other")
        self._count("smppbridge_operations_total", system_id, operation, status, by=count)

    def transaction(self, system_id: str, outcome: str, count: int) -> None:
        """Count responses that waited for a provider's verdict, by outcome."""
        self._count("smppbridge_responses_waited_total", system_id, outcome, by=count)

    def latin1_fallback(self, system_id: str) -> None:
        """Count a GSM message with octets above 0x7F, read as Latin-1."""
        self._count("smppbridge_latin1_fallbacks_total", system_id)

    def gathering_expired(self, system_id: str, count: int) -> None:
        """Count long messages whose segments did not all come."""
        self._count("smppbridge_gathering_expired_total", system_id, by=count)

    def quiet(self, system_id: str, count: int) -> None:
        """Count messages that are held by the quiet hours of their route."""
        self._count("smppbridge_messages_quiet_total", system_id, by=count)

    def asked(self, provider: str, operation: str, outcome: str, seconds: Sequence[float]) -> None:
        """Time exchanges of one kind with a provider."""
        timing = self._timing("smppbridge_provider_request_seconds", provider, operation, outcome)
        for each in seconds:
            timing.add(each)

    def lost(self, provider: str, what: str, count: int) -> None:
        """Count properties of accepted messages that their provider has no field for."""
        self._count("smppbridge_properties_lost_total", provider, what, by=count)

    def reported(self, provider: str, source: str, state: int, count: int) -> None:
        """Count reports by source and state."""
        state_name = _STATES.get(state, "other")
        self._count("smppbridge_reports_total", provider, source, state_name, by=count)

    def unknown_status(self, provider: str) -> None:
        """Count a report whose status the provider's table does not know."""
        self._count("smppbridge_reports_unknown_status_total", provider)

    def unmatched(self, provider: str, count: int) -> None:
        """Count reports whose message was never found."""
        self._count("smppbridge_reports_unmatched_total", provider, by=count)

    def repeated(self, provider: str, conflicting: bool) -> None:
        """Count a report about a message whose final state was known."""
        kind = "conflicting" if conflicting else "same"
        self._count("smppbridge_reports_repeated_total", provider, kind)

    def report_latency(self, provider: str, seconds: float) -> None:
        """Time from the provider's acceptance to the final report."""
        self._time("smppbridge_report_latency_seconds", provider, seconds=seconds)

    def finished(self, system_id: str, state: int, count: int) -> None:
        """Count messages that reached a final state."""
        state_name = _STATES.get(state, "other")
        self._count("smppbridge_messages_finished_total", system_id, state_name, by=count)

    def delivered(self, system_id: str, outcome: str, count: int) -> None:
        """Count deliver_sm concluded."""
        self._count("smppbridge_deliveries_total", system_id, outcome, by=count)

    def mo(self, provider: str, outcome: str, count: int) -> None:
        """Count MO messages by outcome."""
        self._count("smppbridge_mo_total", provider, outcome, by=count)

    def alert(self, provider: str, outcome: str, count: int) -> None:
        """Count alert_notifications by outcome."""
        self._count("smppbridge_alerts_total", provider, outcome, by=count)

    def opted_out(self, provider: str, count: int) -> None:
        """Count opt-outs that a provider reported."""
        self._count("smppbridge_optouts_total", provider, by=count)

    def ussd_answered(self, system_id: str, seconds: float) -> None:
        """Time an ESME's screen, from the request of the phone on."""
        self._time("smppbridge_ussd_answer_seconds", system_id, seconds=seconds)

    def ussd_ended(self, system_id: str, outcome: str) -> None:
        """Count a dialogue by its end; *system_id* is empty for a code without an account."""
        self._count("smppbridge_ussd_ended_total", system_id, outcome)

    def ussd_passed(self, system_id: str, result: str) -> None:
        """Count a phone's request that went to another node."""
        self._count("smppbridge_ussd_passed_total", system_id, result)

    # for sessions, the store and the web sites

    def pdu_error(self, status: int) -> None:
        """Count a wrong PDU by the *status* of its response."""
        self._count("smppbridge_pdu_errors_total", _STATUSES.get(status, "other"))

    def bind_attempt(self, result: str, reason: str) -> None:
        """Count a bind by its *result* and the *reason* of a refusal, names of ours."""
        self._count("smppbridge_bind_attempts_total", result, reason)

    def odd(self, system_id: str, oddity: str) -> None:
        """Count an *oddity* of a session, a word of ours; *system_id* is empty before its bind."""
        self._count("smppbridge_session_oddities_total", system_id, oddity)

    def old_password(self, system_id: str) -> None:
        """Count a bind with the older of two valid passwords."""
        self._count("smppbridge_old_password_binds_total", system_id)

    def connection_failed(self, listener: str, reason: str) -> None:
        """Count a connection that came to nothing, by a *reason* of ours."""
        self._count("smppbridge_connections_failed_total", listener, reason)

    def audited(self, action: str) -> None:
        """Count an act over the API by its *action*, a name of ours."""
        self._count("smppbridge_audit_total", action)

    def outbind(self, system_id: str, result: str) -> None:
        """Count a call of an ESME by its *result*."""
        self._count("smppbridge_outbinds_total", system_id, result)

    def bind_ended(self, seconds: float) -> None:
        """Time how long a session was bound."""
        self._time("smppbridge_bind_duration_seconds", seconds=seconds)

    def submit_resp(self, system_id: str, seconds: float, count: int = 1) -> None:
        """Time the responses to *count* submit_sm that came and were answered together."""
        self._time("smppbridge_submit_resp_seconds", system_id, seconds=seconds, count=count)

    def enquire_link(self, seconds: float) -> None:
        """Time the response to an enquire_link of ours."""
        self._time("smppbridge_enquire_link_seconds", seconds=seconds)

    def store_commit(self, seconds: float) -> None:
        """Time a transaction until its rows are on disk."""
        self._time("smppbridge_store_commit_seconds", seconds=seconds)

    def reactor_lag(self, seconds: float) -> None:
        """Time how late a timer was."""
        self._time("smppbridge_reactor_lag_seconds", seconds=seconds)

    def callback(self, provider: str, result: str, count: int) -> None:
        """Count requests to the callbacks listener; *provider* is empty after a wrong key."""
        self._count("smppbridge_callbacks_total", provider, result, by=count)
