-- The rows of answers of the workspace as they were spooled, each a list of texts in the order of its columns.
-- An answer of more than one table stops the reading.
select unnest(case when len(tables) = 1 then tables[1].rows
                   else error('an answer of ' || coalesce(len(tables), 0) || ' tables where one was expected') end) as r
from read_json(
    $files, format = 'unstructured', records = true, maximum_object_size = $size,
    columns = {'tables': 'STRUCT("rows" VARCHAR[][])[]'})
