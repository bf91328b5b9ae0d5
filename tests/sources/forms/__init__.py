"""The formats that the shared suite asks: one module each, found by its file; each names its FORMS."""

from importlib import import_module
from pathlib import Path

from tests.sources.support import Form

FORMS: dict[str, Form] = {
    form.name: form
    for file in sorted(Path(__file__).parent.glob("*.py")) if file.stem != "__init__"
    for form in import_module(f"{__name__}.{file.stem}").FORMS
}
