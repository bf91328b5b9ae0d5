from erp_telemetry.sources.azure_files import AzureFiles
from tests.sources.support import Form, app, classic, each_line

FORMS = (
    Form("azure", AzureFiles, "json", each_line(app)),
    Form("classic", AzureFiles, "json", each_line(classic), has_fast_path=False),
)
