package enqueue_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
)

func ExampleClient_Enqueue() {
	server, err := miniredis.Run() // any Redis will do
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	server.SetTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) // order numbers come from its clock

	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()

	receipts, err := enqueue.New(rdb).Enqueue(context.Background(),
		enqueue.Request{AppID: "UXOSIYrdtL4cSGp3", Domain: "München.example"},
		enqueue.Request{AppID: "UXOSIYrdtL4cSGp3", Domain: "old.example.com", Remove: true},
	)
	if err != nil {
		log.Fatal(err) // errors.Is(err, enqueue.ErrUnavailable): try again later
	}
	for _, r := range receipts {
		fmt.Println(r.Seq, r.Domain)
	}
	// Output:
	// 1772366400000000 xn--mnchen-3ya.example
	// 1772366400000001 old.example.com
}

func ExampleClient_Enqueue_invalid() {
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	defer rdb.Close()

	_, err := enqueue.New(rdb).Enqueue(context.Background(),
		enqueue.Request{AppID: "UXOSIYrdtL4cSGp3", Domain: "example.com"},
		enqueue.Request{AppID: "UXOSIYrdtL4cSGp3", Domain: "shop_1.example.com"},
	)
	fmt.Println(err)
	// Output:
	// nothing was enqueued: invalid request:
	// request 2 of 2: domain "shop_1.example.com" is refused: it has an underscore, which host names don't allow; use a hyphen (did you mean shop-1.example.com?)
}
