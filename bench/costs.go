package main

import "pilotsync/internal/simulator"

// costMeasures are the measures of a worker's resources, and of the clients.
func costMeasures() []measure {
	return []measure{
		{"throughput", "API latency 0: changes a second in one worker", measureThroughput, speed},
		{"memory", "Memory: a worker's, and the ledger's in Redis", measureMemory, counts},
		{"clients", "The Go client against asynq's own", measureClients, alone},
		{"php", "Round trips of the PHP client", measurePHP, alone},
		{"verify", "Verification of many domains that are due at once", measureVerification, counts},
		{"commands", "Redis commands", measureCommands, counts},
		{"startstop", "Starting and stopping a worker", measureStartStop, speed},
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
