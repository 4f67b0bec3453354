alter table tokens add column team text;
