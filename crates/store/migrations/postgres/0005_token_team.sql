alter table tokens add column team text collate "C";
