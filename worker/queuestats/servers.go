package queuestats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// serversKey has the key of each live server of asynq, by when its heartbeat runs out (s).
const serversKey = "asynq:servers"

// live returns the keys of the live servers with their scores, which each heartbeat moves.
func live(ctx context.Context, rdb redis.UniversalClient) ([]redis.Z, error) {
	servers, err := rdb.ZRangeByScoreWithScores(ctx, serversKey, &redis.ZRangeBy{Min: strconv.FormatInt(time.Now().Unix(), 10), Max: "+inf"}).Result()
	if err != nil {
		return nil, fmt.Errorf("list the workers: %w", err)
	}
	return servers, nil
}

// Processes counts the processes that have live servers, by one command.
func Processes(ctx context.Context, rdb redis.UniversalClient) (int, error) {
	servers, err := live(ctx, rdb)
	processes := map[string]bool{}
	for _, server := range servers {
		// asynq:servers:{HOST:PID:ID}
		key := server.Member.(string)
		processes[key[:max(strings.LastIndexByte(key, ':'), 0)]] = true
	}
	return len(processes), err
}

// Servers reads the live servers of asynq. It reads each again only after a heartbeat, which comes
// every five seconds. It is safe for concurrent use.
type Servers struct {
	rdb     redis.UniversalClient
	message protoreflect.MessageType // asynq's unexported type

	mu   sync.Mutex
	kept map[string]keptServer // by key
}

type keptServer struct {
	heartbeat float64
	info      *asynq.ServerInfo // nil if asynq has removed it meanwhile
}

// NewServers returns a reader over rdb, which the caller must close.
func NewServers(rdb redis.UniversalClient) *Servers {
	return &Servers{rdb: rdb, kept: map[string]keptServer{}}
}

// Read returns the live servers, without their active tasks.
func (s *Servers) Read(ctx context.Context) ([]*asynq.ServerInfo, error) {
	servers, err := live(ctx, s.rdb)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, read := map[string]keptServer{}, map[string]*redis.StringCmd{}
	if _, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, server := range servers {
			key := server.Member.(string)
			if known, ok := s.kept[key]; ok && known.heartbeat == server.Score {
				kept[key] = known
			} else {
				read[key] = p.Get(ctx, key)
			}
		}
		return nil
	}); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("read %d workers: %w", len(read), err)
	}
	var all []*asynq.ServerInfo
	for _, server := range servers {
		key := server.Member.(string)
		if answer := read[key]; answer != nil {
			info, err := s.decode(answer)
			if err != nil {
				return nil, fmt.Errorf("read the worker %s: %w", key, err)
			}
			kept[key] = keptServer{server.Score, info}
		}
		if info := kept[key].info; info != nil {
			all = append(all, info)
		}
	}
	s.kept = kept
	return all, nil
}

// decode decodes a server as asynq does.
func (s *Servers) decode(answer *redis.StringCmd) (*asynq.ServerInfo, error) {
	raw, err := answer.Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if s.message == nil {
		if s.message, err = protoregistry.GlobalTypes.FindMessageByName("asynq.ServerInfo"); err != nil {
			return nil, fmt.Errorf("find asynq's type of servers: %w", err)
		}
	}
	msg := s.message.New()
	if err := proto.Unmarshal(raw, msg.Interface()); err != nil {
		return nil, err
	}
	get := func(name protoreflect.Name) protoreflect.Value {
		return msg.Get(msg.Descriptor().Fields().ByName(name))
	}
	info := &asynq.ServerInfo{ID: get("server_id").String(), Host: get("host").String(), PID: int(get("pid").Int()), Concurrency: int(get("concurrency").Int()),
		Queues: map[string]int{}, StrictPriority: get("strict_priority").Bool(), Status: get("status").String()}
	get("queues").Map().Range(func(queue protoreflect.MapKey, priority protoreflect.Value) bool {
		info.Queues[queue.String()] = int(priority.Int())
		return true
	})
	if started, ok := get("start_time").Message().Interface().(*timestamppb.Timestamp); ok {
		info.Started = started.AsTime()
	}
	return info, nil
}
