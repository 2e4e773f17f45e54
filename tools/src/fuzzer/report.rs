//! How a run is shown: progress while it lasts, then a table, JSON, or a page.
