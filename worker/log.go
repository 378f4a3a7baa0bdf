package worker

import (
	"context"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
)

// changeFields are the log fields of a change. All lines about a change have the field change,
// the id of the producer's task, although sync, verification and webhook are other tasks.
func changeFields(app, domain string, seq int64) logrus.Fields {
	return logrus.Fields{"app": app, "domain": domain, "seq": seq, "change": tasks.Change{AppID: app, Domain: domain, Seq: seq}.ID()}
}

// verifyFields are the log fields of a verification. The change is the one that started it,
// or the last one before an operator did.
func verifyFields(v tasks.Verify, r listsync.Record) logrus.Fields {
	fields := changeFields(v.AppID, v.Domain, min(v.Seq, r.Seq))
	fields["seq"], fields["attempt"] = v.Seq, v.Attempt
	return fields
}

// taskFields are the log fields of a task; none if its payload can't be decoded.
func taskFields(t *asynq.Task) logrus.Fields {
	switch t.Type() {
	case tasks.TypeDomainAdd, tasks.TypeDomainRemove:
		if c, err := tasks.Decode[tasks.Change](t.Payload()); err == nil {
			return changeFields(c.AppID, c.Domain, c.Seq)
		}
	case tasks.TypeAppSync:
		if s, err := tasks.Decode[tasks.Sync](t.Payload()); err == nil {
			return logrus.Fields{"app": s.AppID}
		}
	case tasks.TypeSSLVerify:
		if v, err := tasks.Decode[tasks.Verify](t.Payload()); err == nil {
			return verifyFields(v, listsync.Record{Seq: v.Seq})
		}
	case tasks.TypeEventDeliver:
		if e, err := tasks.Decode[tasks.Event](t.Payload()); err == nil {
			return eventFields(e)
		}
	case tasks.TypeDomainCheck:
		if c, err := tasks.Decode[tasks.Check](t.Payload()); err == nil {
			return logrus.Fields{"app": c.AppID, "domain": c.Domain}
		}
	}
	return nil
}

func eventFields(e tasks.Event) logrus.Fields {
	fields := logrus.Fields{"app": e.AppID}
	if e.Domain != "" {
		fields = changeFields(e.AppID, e.Domain, e.Seq)
		fields["state"] = e.State
	}
	fields["event"] = e.Type
	return fields
}

// taskLog returns the log with the fields of every line about a task.
func taskLog(ctx context.Context, log *logrus.Entry, app string) *logrus.Entry {
	id, _ := asynq.GetTaskID(ctx)
	return log.WithField("app", app).WithField("task_id", id)
}

// settlementObserver logs and counts the outcomes of a commit.
type settlementObserver struct {
	metrics *metrics.Worker
	log     *logrus.Entry
}

func (o settlementObserver) observe(ctx context.Context, s listsync.Settlement) {
	o.metrics.Settled(s)
	for _, d := range s.Domains {
		log := taskLog(ctx, o.log, s.App).WithFields(changeFields(s.App, d.Record.Domain, d.Record.Seq)).
			WithField("state", d.Record.State).WithField("outcome", d.Resolution)
		if d.ActionID != "" {
			log = log.WithField("actionid", d.ActionID)
		}
		log.Info("change settled: " + d.Cause.Sentence())
	}
}
