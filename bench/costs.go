package main

import "pilotsync/internal/simulator"

// costMeasures are the measures of a worker's resources, and of the clients.
func costMeasures() []measure {
	return []measure{
		{"throughput", "API latency 0: changes a second in one worker", throughput, speed},
		{"memory", "Memory: a worker's, and the ledger's in Redis", memory, counts},
		{"clients", "The Go client against asynq's own", clients, alone},
		{"php", "Round trips of the PHP client", phpTrips, alone},
		{"verify", "Verification of many domains that are due at once", verification, counts},
		{"commands", "Redis commands", commands, counts},
		{"startstop", "Starting and stopping a worker", startStop, speed},
	}
}

// emptyApps are n apps of the simulator without names.
func emptyApps(n int) []simulator.App {
	apps := make([]simulator.App, n)
	for i := range apps {
		apps[i].ID = appID(i)
	}
	return apps
}
