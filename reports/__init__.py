"""The report: a static site beside each published version, which shows what its public marts say.

Belongs here: questions and their charts, the queries that read marts for them, pages in English and French. Does not:
metrics (`dbt_project/models/marts/`), when a report is written (`dagster_project/`), what is published (`serving/`).
"""

# Where a version has its report, and the page of it that is opened first.
FOLDER, FIRST_PAGE = "report", "index.html"
