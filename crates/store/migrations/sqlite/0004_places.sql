-- Where a piece of work is done: its environment and driver. Empty for work of before.
alter table work add column place text not null default '';
