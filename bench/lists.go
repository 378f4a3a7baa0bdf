package main

// listMeasures are the measures of the path from a request to the list.
func listMeasures() []measure {
	return []measure{
		{"loss", "Names that are lost, with writers at once and failing calls", measureLoss, counts},
		{"burst", "A burst of names on one app", measureBurst, waits},
		{"idle", "One change on an idle system, from request to listed", measureIdle, speed},
		{"workers", "Many apps with 3 changes each, over 1 to 8 workers", measureWorkers, speed},
		{"neighbours", "Single changes of 100 apps, while one app is in a burst or fails", measureNeighbours, alone},
		{"apps", "What a change costs, against the number of apps", measureApps, alone},
	}
}
