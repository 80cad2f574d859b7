"""Running a study: plan, workers, stages, progress, manifest."""
