"""Views: what a person looks at: charts, reports, and the theme they share."""
