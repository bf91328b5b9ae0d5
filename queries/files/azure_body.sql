-- The rows of answers of the workspace as they were spooled, each a list of texts in the order of its columns.
-- An answer of more than one table, or a row of more or fewer values than columns, stops the reading.
select case when len(told) = $width then told
            else error('a row of ' || coalesce(len(told), 0) || ' values where ' || $width || ' were expected') end as r
from (
    select unnest(case when len(tables) = 1 then tables[1].rows
                       else error('an answer of ' || coalesce(len(tables), 0) || ' tables where one was expected') end
        ) as told
    from read_json(
        $files, format = 'unstructured', records = true, maximum_object_size = $size,
        columns = {'tables': 'STRUCT("rows" VARCHAR[][])[]'}))
