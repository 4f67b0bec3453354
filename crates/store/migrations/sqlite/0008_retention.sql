-- What is old is found without reading the whole table.
create index operations_ended on operations (ended_at);
create index usage_time on usage (time);
