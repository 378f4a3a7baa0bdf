package enqueue

import (
	"fmt"
	"testing"

	"pilotsync/test/redistest"
)

// BenchmarkEnqueue fills a real Redis on loopback.
func BenchmarkEnqueue(b *testing.B) {
	client := New(connect(b, redistest.Start(b)))
	for _, n := range []int{1, 1000} {
		reqs := make([]Request, n)
		for i := range reqs {
			reqs[i] = Request{AppID: "app1", Domain: fmt.Sprintf("shop%d.example.com", i)}
		}
		b.Run(fmt.Sprintf("%d in one call", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Enqueue(b.Context(), reqs...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}
