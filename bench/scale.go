package main

// scaleMeasures are the measures of what must follow the work, not the number of apps.
func scaleMeasures() []measure {
	return []measure{
		{"background", "Idle workers, against the number of apps", background, counts},
		{"checks", "The hourly and the daily check of what works", checks, counts},
		{"readers", "What readers cost: scrapes, dashboard, command line", readers, counts},
		{"search", "Searches of the dashboard among 50,000 domains", search, counts},
		{"firststart", "A worker's first start with many apps", firstStart, counts},
		{"takeover", "Work of a killed worker, with many apps", takeover, counts},
		{"leftovers", "What removed domains and finished tasks cost", leftovers, counts},
		{"fairness", "One app's work beside another's backlog", fairness, waits},
		{"reload", "Reloading the configuration, against the number of apps", reload, alone},
		{"doctor", "Calls of pilotsync doctor to ServerPilot", doctor, counts},
	}
}
