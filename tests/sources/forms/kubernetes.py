import json
from collections.abc import Callable
from typing import Any

from erp_telemetry.slices import Source
from erp_telemetry.sources.kubernetes_files import KubernetesFiles
from tests.sources.forms import serilog
from tests.sources.support import COMPARED, Form, canonical, each_line


def event(at: int = 0, **changes: Any) -> dict[str, Any]:
    """An event of a pod, as kubectl writes it."""
    return {
        "apiVersion": "v1", "kind": "Event", "reason": "Unhealthy", "message": f"Readiness probe failed: {at}",
        "type": "Warning", "count": 3,
        "firstTimestamp": canonical(at)["time"], "lastTimestamp": canonical(at + 9)["time"],
        "metadata": {"name": f"pod-1.{at}", "namespace": "erp", "uid": f"uid-{at}",
                     "creationTimestamp": canonical(at)["time"]},
        "involvedObject": {"kind": "Pod", "name": "pod-1", "namespace": "erp"},
        "source": {"component": "kubelet"}, **changes,
    }


def stamp(at: int) -> str:
    """The time of the event as a runtime writes it, in nanoseconds."""
    return canonical(at)["time"].replace("+00:00", "789Z")


def expected_event(at: int) -> dict[str, Any]:
    return {**canonical(at), "service": "pod", "resource": "kubernetes", "level": "warning", "template": "Unhealthy",
            "message": f"Readiness probe failed: {at}", "id": f"uid-{at}"}


def expected_line(at: int) -> dict[str, Any]:
    return {**canonical(at), "service": "pod", "level": "error", "message": f"Order {at} is late"}


def expected_bare(at: int) -> dict[str, Any]:
    return {**expected_line(at), "service": "unknown_service"}


def each_text(line: Callable[[int], str]) -> Callable[[int], str]:
    """A log with one line per event."""
    return lambda count: "".join(line(at) + "\n" for at in range(count))


def docker(at: int, text: str) -> str:
    return json.dumps({"log": text + "\n", "stream": "stdout", "time": stamp(at)})


def in_utc(*paths: Any) -> Source:
    return KubernetesFiles(*paths, naive="UTC")


LOG = ("time", "service", "level", "message", "weight")
EVENT = ("time", "service", "instance", "resource", "level", "message", "template", "weight", "id")
FORMS = (
    Form("kubernetes events", KubernetesFiles, "json", each_line(event), EVENT, "logs", expected_event,
         has_fast_path=False),
    Form("kubernetes logs", KubernetesFiles, "log",
         each_text(lambda at: f"[pod/pod-1/erp] {stamp(at)} [ERROR] Order {at} is late"), (*LOG, "instance"), "logs",
         expected_line, has_fast_path=False),
    Form("kubernetes cri", KubernetesFiles, "log",
         each_text(lambda at: f"{stamp(at)} stdout F ERROR Order {at} is late"), LOG, "logs", expected_bare,
         has_fast_path=False),
    Form("kubernetes docker", KubernetesFiles, "log",
         each_text(lambda at: docker(at, f"ERROR: Order {at} is late")), LOG, "logs", expected_bare,
         has_fast_path=False),
    Form("kubernetes naive text", in_utc, "log",
         each_text(lambda at: f"[{stamp(at)[:10]} {stamp(at)[11:19]},{stamp(at)[20:26]}] ERROR Order {at} is late"),
         LOG, "logs", expected_bare, has_fast_path=False),
    Form("kubernetes serilog", KubernetesFiles, "log",
         each_text(lambda at: f"{stamp(at)} stdout F {json.dumps(serilog.span(at))}"), COMPARED, "requests",
         serilog.expected, has_fast_path=False),
)
