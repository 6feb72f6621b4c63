package time

// Local time is UTC, as everything on a satellite is: no zone files are read.

var platformZoneSources []string

func initLocal() { localLoc.name = "UTC" }
