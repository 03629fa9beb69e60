package lab

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// A Space is a network namespace of the fault's own, with a cable to this host.
type Space struct {
	t        *T
	Name     string
	HostIP   string // this host's end of the cable
	iptables string // the one that works
}

// Space makes a network namespace. It ends with the fault.
func (t *T) Space() *Space {
	n := int(t.Ports.Add(1)) + os.Getpid()%64*64
	s := &Space{t: t, Name: fmt.Sprintf("tutti-f%d-%d", os.Getpid(), n)}
	near, far := fmt.Sprintf("tf%d-%d", os.Getpid()%100000, n), fmt.Sprintf("tg%d-%d", os.Getpid()%100000, n)
	block := n % (1 << 14)
	s.HostIP = fmt.Sprintf("10.219.%d.%d", block>>6, block&63<<2|1)
	ip := fmt.Sprintf("10.219.%d.%d", block>>6, block&63<<2|2)
	t.sh("ip", "netns", "add", s.Name)
	t.Defer(func() { t.Check(exec.Command("ip", "netns", "del", s.Name).Run(), "removing the network %s", s.Name) })
	t.sh("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", s.Name)
	t.Defer(func() { _ = exec.Command("ip", "link", "del", near).Run() }) // it went with the namespace, unless something is still in it
	t.sh("ip", "addr", "add", s.HostIP+"/30", "dev", near)
	t.sh("ip", "link", "set", near, "up")
	for _, words := range []string{"link set lo up", "addr add " + ip + "/30 dev " + far, "link set " + far + " up", "route add default via " + s.HostIP} {
		t.sh("ip", append([]string{"-n", s.Name}, strings.Fields(words)...)...)
	}
	return s
}

// Enter are the words before a command that runs in the namespace.
func (s *Space) Enter() []string { return []string{"nsenter", "--net=/run/netns/" + s.Name} }

// CanFilter says whether an iptables works in the namespace, and remembers which.
func (s *Space) CanFilter() bool {
	for _, name := range []string{"iptables", "iptables-legacy"} {
		args := append(s.Enter(), name, "--table", "nat", "--list-rules")
		if s.iptables == "" && exec.Command(args[0], args[1:]...).Run() == nil {
			s.iptables = name
		}
	}
	return s.iptables != ""
}

// Drop throws away packets: of a chain (INPUT is what comes in, OUTPUT what goes out), so many of a hundred.
func (s *Space) Drop(chain string, percent int) {
	if !s.CanFilter() {
		s.t.Skipf("no iptables works here")
	}
	args := append(s.Enter(), s.iptables, "--append", chain, "--protocol", "tcp")
	if percent < 100 {
		args = append(args, "--match", "statistic", "--mode", "random", "--probability", fmt.Sprintf("%.2f", float64(percent)/100))
	}
	s.t.sh(args[0], append(args[1:], "--jump", "DROP")...)
	s.t.Logf("%d %% of %s is dropped", percent, chain)
}

// Heal drops nothing any more.
func (s *Space) Heal() {
	args := append(s.Enter(), s.iptables, "--flush")
	s.t.sh(args[0], args[1:]...)
	s.t.Logf("nothing is dropped any more")
}

// sh runs a command that has to succeed.
func (t *T) sh(name string, args ...string) {
	out, err := exec.CommandContext(t.Ctx, name, args...).CombinedOutput()
	t.Must(err, "%s %s: %s", name, strings.Join(args, " "), strings.TrimSpace(string(out)))
}
