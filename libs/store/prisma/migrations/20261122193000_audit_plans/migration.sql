-- The statements of these functions are planned once per connection. Left to itself PostgreSQL plans them anew at every call:
-- their arguments are arrays, whose lengths a plan for this one call knows and one for all calls must guess. What Prisma asks on the
-- same connections goes on being planned by its values.
alter function audit.append_records(
  text[], float8[], text[], text[], text[], text[], text[], int[], text[], text
) set plan_cache_mode = force_generic_plan;
alter function audit.put_summaries(
  text[], text[], text[], text[], text[], text[], text[], text[], int[], int[], float8[], float8[]
) set plan_cache_mode = force_generic_plan;
