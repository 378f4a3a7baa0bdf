package tasks

// QueuedChannel is the Redis channel of notifications: a queue's name says that tasks were put on
// that queue. A notification only saves time, since workers poll all queues every two seconds.
const QueuedChannel = "pilotsync:queued"
