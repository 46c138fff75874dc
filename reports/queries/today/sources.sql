select source, is_stale, loaded_as_of, stale_since, reason from marts.publication_sources order by is_stale desc, source
