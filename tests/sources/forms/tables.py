from erp_telemetry.sources.table_files import TableFiles
from tests.sources.support import CANONICAL, Form, canonical, each_line


def csv(count: int) -> str:
    rows = [",".join(str(value) for value in canonical(at).values()) for at in range(count)]
    return "\n".join([",".join(CANONICAL), *rows, ""])


FORMS = (
    Form("csv", TableFiles, "csv", csv, first_line=2),
    Form("jsonl", TableFiles, "jsonl", each_line(canonical)),
)
