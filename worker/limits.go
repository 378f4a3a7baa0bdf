package worker

import (
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/followup"
	"pilotsync/worker/message"
)

// Limits of tasks that producers enqueue. Recording a change is one script in Redis.
const (
	changeTimeout = 30 * time.Second
	// changeMaxRetry and checkMaxRetry count panics of the handler only, see taskerr.IsFailure.
	changeMaxRetry = 100
	checkMaxRetry  = 3
	// changeRetention is what producers of earlier releases ask for.
	changeRetention = 24 * time.Hour
)

// taskLimits are the limits of the tasks of each queue. They replace what a producer wrote into a
// message. keepFinished is as in [Config].
func taskLimits(keepFinished time.Duration) map[string]message.Limits {
	limits := followup.Limits()
	limits[tasks.QueueDomains] = message.Limits{Timeout: changeTimeout, MaxRetry: changeMaxRetry, Retention: changeRetention, Keep: keepFinished}
	limits[tasks.QueueChecks] = message.Limits{Timeout: tasks.CheckTimeout, MaxRetry: checkMaxRetry, Retention: tasks.CheckRetention}
	return limits
}
