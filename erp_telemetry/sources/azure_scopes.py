"""Scopes: where queries are asked, a workspace or an Application Insights resource, and which queries those are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from erp_telemetry.redactions import excerpt

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = r"[^/?#\x00-\x1f]+"
_COMPONENT = re.compile(
    rf"/subscriptions/{_NAME}/resourcegroups/{_NAME}/providers/microsoft\.insights/components/{_NAME}")


@dataclass(frozen=True, slots=True)
class Scope:
    """A workspace, or a resource by its classic names.

    ``title`` is how messages call it, ``key`` how slices do; ``path`` is where it is asked, ``family`` the folder
    of its queries, and ``where`` says where its id is to be found. A workspace may be asked by search too.
    """

    title: str
    key: str
    path: str
    family: str
    where: str
    is_workspace: bool


def scope(told: str) -> Scope:
    """The scope of a Workspace ID, or of the resource id of an Application Insights resource.

    Raises ``ValueError`` where it is neither.

    >>> scope("/subscriptions/S/resourceGroups/RG/providers/microsoft.insights/components/shop").key
    'subscriptions|s|resourcegroups|rg|providers|microsoft.insights|components|shop'
    """
    lower = told.lower().rstrip("/")
    if _GUID.fullmatch(lower):
        return Scope(f"workspace {lower}", lower, f"/workspaces/{lower}", "azure",
                     "give the Workspace ID of its Overview page, not its name or resource id", is_workspace=True)
    if _COMPONENT.fullmatch(lower):
        # a slice's name is parted by slashes
        return Scope(f"Application Insights resource {lower.rpartition('/')[2]}", lower[1:].replace("/", "|"), lower,
                     "azure/classic", "give its resource id, of Properties or JSON view", is_workspace=False)
    raise ValueError("workspace is the Workspace ID of its Overview page, a GUID, or the resource id of an Application "
                     f"Insights resource (/subscriptions/…/microsoft.insights/components/…), not {excerpt(repr(told))}")
