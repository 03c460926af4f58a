"""How phases are run: what is pending, stale or done, a lock and a record per scene, forecasts."""
