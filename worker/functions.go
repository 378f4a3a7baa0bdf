package worker

import (
	"context"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/enqueue/functions"
)

// functionLoader loads the functions with which producers enqueue.
type functionLoader struct {
	redis  redis.UniversalClient
	warned bool
	log    *logrus.Entry
}

// load loads the functions that Redis lacks. A Redis that has none isn't an error: producers run
// scripts there.
func (f *functionLoader) load(ctx context.Context) error {
	loaded, err := functions.Load(ctx, f.redis)
	switch {
	case functions.Unavailable(err):
		if !f.warned {
			f.log.WithError(err).Warn("Redis takes no functions from this worker, so producers need the right to run scripts; 'pilotsync doctor' says more")
		}
		f.warned = true
		return nil
	case err != nil:
		return err
	}
	if loaded > 0 {
		f.log.Infof("%d functions loaded into Redis, with which producers enqueue", loaded)
	}
	f.warned = false
	return nil
}
