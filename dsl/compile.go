package dsl

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// plan evaluates a pipeline. With unknown values its result means nothing, and only its problems count.
func (e *evaluator) plan(p *pipeline) *plan.Plan {
	made := &plan.Plan{Version: plan.Version, Pipeline: p.name, Description: p.description}
	e.at(e.spotOf(p, nil), func() {
		for _, in := range p.inputs {
			e.hold(in.checks, in.at)
		}
		made.Concurrency = e.concurrency(p.concurrency)
	})
	for _, r := range e.config.registries {
		made.Registries = append(made.Registries, e.registry(r))
	}
	made.Jobs = make([]plan.Job, 0, len(p.jobs))
	size := sizer{ps: e.ps, pipeline: p}
	for _, j := range p.jobs {
		if e.stop {
			break
		}
		if e.variant.name != "" && !j.varies() {
			continue // it is what it was for the first kind of events
		}
		jobs := e.node(j)
		made.Jobs = append(made.Jobs, jobs...)
		if e.known && !size.add(j, jobs) {
			break
		}
	}
	return made
}

// spotOf is the place of a job, or of what stands beside the jobs of a pipeline.
func (e *evaluator) spotOf(p *pipeline, j *job) spot {
	return spot{job: j, input: e.roots["input of "+p.name]}
}

func (e *evaluator) concurrency(c *concurrency) *plan.Concurrency {
	if c == nil || c.group == nil {
		return nil
	}
	made := &plan.Concurrency{Policy: plan.PolicyQueue}
	made.Group, _ = e.text(c.group)
	if word, ok := e.word(c.policy); ok {
		made.Policy = plan.Policy(word)
	}
	const longest = 200
	if len(made.Group) > longest || e.known && e.late == nil && made.Group == "" && c.group.phase < dispatch && !e.bad[c.group] {
		e.ps.add(codeValue, c.group.at, "Invalid group", "%s must be a text of 1 to %d characters.", c.group.title(), longest)
	}
	return made
}

func (e *evaluator) registry(r *registry) plan.Registry {
	made := plan.Registry{Host: r.host}
	e.at(spot{}, func() {
		for _, v := range []*value{r.username, r.password} {
			if v == nil {
				continue
			}
			got, ok := e.eval(v)
			plain, _ := got.UnmarkDeep()
			if ok && (plain.IsNull() || plain.Type() != cty.String && plain.Type() != cty.DynamicPseudoType) {
				e.mismatch(v, v.at, codeType, "%s must be a string, but this is %s.", v.title(), valueName(plain))
			}
			for _, ref := range v.refs {
				if ref.root == "secret" && !slices.Contains(made.Secrets, ref.name) {
					made.Secrets = append(made.Secrets, ref.name)
				}
			}
		}
	})
	return made
}

// node plans a job or an approval: one node, or a matrix and its instances.
func (e *evaluator) node(j *job) []plan.Job {
	first := len(e.unresolved)
	var jobs []plan.Job
	e.at(e.spotOf(j.in, j), func() {
		head := plan.Job{
			Name: j.name, Needs: j.needs(), Optional: j.optional(), RunOn: j.runOn, Secrets: slices.Sorted(slices.Values(j.secrets)),
			Timeout: plan.Duration(defaultTimeout), Deferred: j.deferred && e.late == nil, Activities: []plan.Activity{},
			Outputs: e.outputKinds(j),
		}
		switch {
		case j.approval:
			jobs = []plan.Job{e.approval(j, head)}
		case j.matrix != nil:
			jobs = e.matrix(j, head)
		default:
			jobs = []plan.Job{e.job(j, head)}
		}
	})
	jobs[0].Late = e.lateList(e.unresolved[first:])
	e.unresolved = e.unresolved[:first]
	return jobs
}

func (j *job) optional() []string {
	var names []string
	for _, e := range j.edges {
		if e.optional {
			names = append(names, e.to.name)
		}
	}
	return names
}

const (
	defaultTimeout  = time.Hour // of a job, and of an activity
	approvalTimeout = 72 * time.Hour
	defaultKeep     = 30 * 24 * time.Hour
)

func (e *evaluator) approval(j *job, made plan.Job) plan.Job {
	made.Kind = plan.KindApproval
	made.Approval = &plan.Approval{}
	if made.Skip = e.skip(j.when); made.Skip != "" {
		made.Deferred = false
		e.quietly(func(quiet *evaluator) { quiet.question(j, &made) })
	} else {
		e.question(j, &made)
	}
	made.Timeout = made.Approval.Timeout
	return made
}

// question plans what an approval asks.
func (e *evaluator) question(j *job, made *plan.Job) {
	made.Approval.Approvers, _ = e.texts(j.approvers)
	made.Approval.Message, _ = e.text(j.message)
	made.Approval.Timeout = plan.Duration(e.duration(j.timeout, approvalTimeout, maxDuration))
}

// job plans a job, or an instance of a matrix.
func (e *evaluator) job(j *job, made plan.Job) plan.Job {
	if environment, ok := e.text(j.environment); ok {
		made.Environment = environment
		if !environmentName.MatchString(environment) {
			e.ps.add(codeName, j.environment.at, "Invalid name", "%s must be a name of lower-case letters, digits, \"-\", \"_\" and \"/\", of at most 80 characters.",
				j.environment.title())
		}
	}
	e.spot.environment = made.Environment
	if made.Skip = e.skip(j.when); made.Skip == "" {
		made.Skip = e.forkSkip(j)
	}
	if made.Skip != "" {
		made.Deferred = false // there is nothing left to find out
		e.quietly(func(quiet *evaluator) { quiet.fill(j, &made) })
	} else {
		e.fill(j, &made)
	}
	return made
}

// quietly evaluates what is only there for people to see, since it will not run: mistakes in its values are nobody's business.
func (e *evaluator) quietly(do func(quiet *evaluator)) {
	quiet := *e
	quiet.ps, quiet.bad, quiet.locals, quiet.variables, quiet.unresolved = &problems{}, nil, nil, nil, nil
	do(&quiet)
	e.stop = quiet.stop
}

// fill plans what a job consists of.
func (e *evaluator) fill(j *job, made *plan.Job) {
	made.Labels, made.OS, made.Arch = e.labels(j.labels), e.platform(j.os), e.platform(j.arch)
	made.CPU, made.Memory = e.cpu(j.cpu), e.size(j.memory)
	made.Timeout = plan.Duration(e.duration(j.timeout, defaultTimeout, maxDuration))
	made.Fence, made.Retries = plan.Duration(e.fence(j.fence)), e.retriesIfLost(j.retries)
	made.Concurrency = e.concurrency(j.concurrency)
	e.parts(j, made)
	image, env := e.image(j.image), e.env(j.env)
	made.Activities = make([]plan.Activity, 0, len(j.activities))
	for _, a := range j.activities {
		made.Activities = append(made.Activities, e.activity(a, image, env))
	}
	e.onceOnlyIn(j, made)
	if !e.known {
		e.outputValues(j)
	}
}

var environmentName = regexp.MustCompile(`^[a-z0-9][a-z0-9_/-]{0,79}$`)

// forkSkip says why a job of a fork's pull request does not run.
func (e *evaluator) forkSkip(j *job) string {
	if len(j.secrets) == 0 || !e.fork() {
		return ""
	}
	return "it needs the secret " + j.secrets[0] + ", and pull requests from forks get none"
}

func (e *evaluator) fork() bool {
	if !e.known {
		return false
	}
	pr := e.roots["event"].GetAttr("pull_request")
	return !pr.IsNull() && pr.GetAttr("from_fork").True()
}

// outputValues checks the values of a job's outputs: what it puts out must not be null, or be shown if it is secret.
func (e *evaluator) outputValues(j *job) {
	before := e.lack
	if before != nil {
		e.lack = before.and(j.lackOfActivity(nil))
	}
	for _, o := range j.outputs {
		if o.value == nil {
			continue
		}
		got, ok := e.eval(o.value)
		plain, marks := got.UnmarkDeep()
		if !ok {
			continue
		}
		if len(marks) > 0 && !o.sensitive {
			e.leak(o.value, o.value.at, marks)
		}
		if plain.IsNull() {
			e.mismatch(o.value, o.value.at, codeType, "%s must not be null.", o.value.title())
		}
	}
	e.lack = before
}

// lateList tells people what is not known yet.
func (e *evaluator) lateList(list []unresolved) []plan.Late {
	if !e.known {
		return nil
	}
	var late []plan.Late
	for _, u := range list {
		at := u.v.at
		late = append(late, plan.Late{
			Where: u.v.title(), Phase: u.phase.String(), Source: shorten(strings.TrimSpace(string(at.src.data[at.start:at.end])), 500),
			File: at.src.name, Line: at.src.line(at.start) + 1,
		})
	}
	return late
}
