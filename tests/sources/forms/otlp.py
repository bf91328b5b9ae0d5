from erp_telemetry.sources.otlp_files import OtlpFiles
from tests.sources.support import Form, each_line, otlp, span

FORMS = (Form("otlp", OtlpFiles, "jsonl", each_line(lambda at: otlp(span(at)))),)
