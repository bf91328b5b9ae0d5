"""Notebooks run from top to bottom, and are stored the way a reviewer can read them."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def each_notebook() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each_notebook()
def test_a_notebook_is_short_prose_and_calls_without_output(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(cells) <= 12 and len(cells) > len(code)
    assert code[0].metadata.tags == ["parameters"]
    for cell in code:
        assert not cell.outputs and cell.execution_count is None
        tree = ast.parse(cell.source)
        assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda) for node in ast.walk(tree))


# asyncio's selector pair outlives the kernel client for a moment; nothing of ours holds it
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@each_notebook()
def test_a_notebook_runs(path: Path, samples: Path, tmp_path: Path) -> None:
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    parameters.source = f"samples = {str(samples)!r}\nstore_path = {str(tmp_path / 'kpis.duckdb')!r}"
    here = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=here).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    drawn = [output for output in outputs if "image/svg+xml" in output.get("data", {})]
    assert len(drawn) == 2, "the scorecard and the error ratio are drawn"
