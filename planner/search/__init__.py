"""Ruin and recreate: whole plans taken apart in places and put together anew, thousands of times.

`instance` the snapshot as numbers · `room` what is still free · `filling` one vehicle's charging ·
`state` a whole plan as it stands · `moves` what is taken out and how it goes back · `search` the
loop, with the exact charging of `planner.linear` now and then.

Planning again: `standing` what still holds of the plan in force · `carried` its charging as a
filling · `kept` the rest put in beside it · `changes` how a changed vehicle is turned back.
"""
