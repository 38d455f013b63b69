package agent

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hedgerow-net/hedgerow/internal/compile"
)

// metrics are served at /metrics on the agent's socket.
type metrics struct {
	registry *prometheus.Registry
	attach   prometheus.Histogram
	plan     prometheus.Histogram
	problems prometheus.Gauge
	entries  *prometheus.GaugeVec
	denied   *prometheus.CounterVec
}

func newMetrics(restorations func() uint64) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		attach: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hedgerow_attach_seconds", Help: "Time from the CNI plugin's announcement of a pod until its policy was in the kernel.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		plan: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hedgerow_plan_seconds", Help: "Time to compile a change of the world and bring it into the kernel.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
		problems: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hedgerow_problems", Help: "Objects or addresses that are closed because something is wrong with them.",
		}),
		entries: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hedgerow_table_entries", Help: "Entries of the kernel's tables, also those that wait to be swept. The tables' sizes are the agent's flags.",
		}, []string{"table"}),
		denied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hedgerow_denial_events_total", Help: "Denials told of by the kernel (rate limited), by reason.",
		}, []string{"reason"}),
	}
	m.registry.MustRegister(m.attach, m.plan, m.problems, m.entries, m.denied)
	if restorations != nil {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "hedgerow_conntrack_restorations_total", Help: "Times that connection tracking was turned off by somebody and on again by the agent.",
		}, func() float64 { return float64(restorations()) }))
	}
	return m
}

// tables tells how full the tables are.
func (m *metrics) tables(stats compile.Stats) {
	for table, entries := range map[string]int{
		"endpoints": stats.Endpoints, "networks": stats.Networks, "verdicts": stats.Verdicts, "ranges": stats.Ranges,
	} {
		m.entries.WithLabelValues(table).Set(float64(entries))
	}
}
