create table items (
  record text not null,
  about text not null,
  time integer not null,
  data text not null,
  primary key (record, about)
) strict;
create index items_about on items (about, record);
