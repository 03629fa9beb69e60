package dsl

// language is language 1: every block and argument of it, whether this release runs it or not.
//
// It is built anew by each call, so that nobody can change it for others; parse does so once.
func language() *blockSpec {
	return &blockSpec{
		Doc: "Top level of a file",
		Blocks: []*blockSpec{
			{Name: "tutti", Doc: "The version of the language that the files are written in.", Args: []argSpec{
				{Name: "language", Type: typeNumber, Default: "1", Doc: "Only 1 exists."},
				{Name: "server", Type: typeString, Later: true},
			}},
			{Name: "locals", Many: true, Free: true, Doc: "Values with a name, for use as `local.name`. Several blocks add up."},
			pipelineSpec(),
			later("variable", nameLabel), later("secret", nameLabel), later("registry", nameLabel),
			later("library", nameLabel), later("activity", nameLabel),
		},
		Foreign: map[string]string{
			"job":      `A job stands in a pipeline: pipeline "ci" { job "build" { ... } }.`,
			"workflow": `Here it is "pipeline".`,
			"on":       `It stands in a pipeline: pipeline "ci" { on "push" {} }.`,
		},
	}
}

func later(name string, label labelKind) *blockSpec {
	return &blockSpec{Name: name, Label: label, Later: true, Many: true}
}

func laterArgs(names ...string) []argSpec {
	var args []argSpec
	for _, n := range names {
		args = append(args, argSpec{Name: n, Later: true})
	}
	return args
}

func laterEvent(event string) *blockSpec {
	return &blockSpec{Name: "on", Label: eventLabel, Event: event, Later: true}
}

func pipelineSpec() *blockSpec {
	return &blockSpec{
		Name: "pipeline", Label: nameLabel, Many: true,
		Doc: "A process: what starts it, and the jobs that it consists of.",
		Args: []argSpec{
			{Name: "description", Type: typeString, Doc: "For people."},
		},
		Blocks: []*blockSpec{
			{Name: "on", Label: eventLabel, Event: "push", Doc: "A push starts the pipeline. " +
				"Without `branches` and `tags`, every branch and tag does; with one of them, only what it matches.", Args: []argSpec{
				{Name: "branches", Type: typeGlobs, Doc: "Branches whose pushes count."},
				{Name: "tags", Type: typeGlobs, Doc: "Tags whose pushes count."},
				{Name: "paths", Type: typeGlobs, Doc: "At least one changed file must match."},
			}},
			{Name: "on", Label: eventLabel, Event: "manual", Doc: "A person or the API starts the pipeline."},
			laterEvent("pull_request"), laterEvent("tag"), laterEvent("schedule"), laterEvent("pipeline"),
			inputSpec(),
			jobSpec(),
			later("concurrency", noLabel), later("approval", nameLabel),
		},
		Foreign: map[string]string{
			"jobs":     `Each job is a block of its own: job "build" { ... }.`,
			"stage":    `Here it is "job"; its order comes from "needs".`,
			"stages":   `There are no stages: the order of jobs comes from "needs".`,
			"activity": `An activity stands in a job: job "build" { activity "compile" { ... } }.`,
			"step":     `Here it is "activity", in a job.`,
			"steps":    `Here they are blocks activity "name" { ... }, in a job.`,
			"triggers": `Here it is on "push" { ... }.`,
			"env":      `Environment variables belong to a job or an activity.`,
			"name":     `The name is the label of the block; text for people goes into "description".`,
		},
	}
}

func inputSpec() *blockSpec {
	return &blockSpec{
		Name: "input", Label: nameLabel, Many: true,
		Doc: "A value that whoever starts the pipeline can give, for use as `input.name`.",
		Args: []argSpec{
			{Name: "type", Type: typeKeyword, Default: "string", Doc: "`string`, `number` or `bool`, without quotes."},
			{Name: "default", Type: typeAny, Doc: "Required if the pipeline has `on \"push\"`, since a push gives no inputs."},
			{Name: "description", Type: typeString, Doc: "For people."},
			{Name: "choices", Type: typeAny, Doc: "The values that are allowed, as a list of the input's type."},
		},
		Blocks:  []*blockSpec{later("check", noLabel)},
		Foreign: map[string]string{"options": `Here it is "choices".`, "required": `An input without "default" is required.`},
	}
}

func jobSpec() *blockSpec {
	return &blockSpec{
		Name: "job", Label: nameLabel, Many: true,
		Doc: "What one agent does: its activities run one after the other and share a workspace. Jobs run side by side, unless they need each other.",
		Args: append([]argSpec{
			{Name: "description", Type: typeString, Doc: "For people."},
			{Name: "needs", Type: typeNeeds, Doc: "Jobs that must have passed before this one starts."},
			{Name: "image", Type: typeString, Phase: compile, Doc: "Image of the activities that name none."},
			{Name: "env", Type: typeEnv, Phase: compile, Doc: "Environment of all activities; an activity's own `env` wins."},
			{Name: "timeout", Type: typeDuration, Phase: compile, Default: "1h", Doc: "For the whole job."},
		}, laterArgs("when", "run_on", "environment")...),
		Blocks: []*blockSpec{
			{Name: "agent", Doc: "Which agents can run the job.", Args: append([]argSpec{
				{Name: "labels", Type: typeStrings, Phase: compile, Doc: "All of them must be on the agent, each as `\"key=value\"`."},
			}, laterArgs("os", "arch", "cpu", "memory")...),
				Foreign: map[string]string{"label": `Here it is "labels", a list.`}},
			activitySpec(),
			later("matrix", noLabel), later("workspace", noLabel), later("service", nameLabel), later("cache", nameLabel),
			later("artifact", nameLabel), later("output", nameLabel), later("concurrency", noLabel),
		},
		Foreign: map[string]string{
			"depends_on": `Here it is "needs" and takes references: needs = [job.build].`,
			"after":      `Here it is "needs" and takes references: needs = [job.build].`,
			"requires":   `Here it is "needs" and takes references: needs = [job.build].`,
			"runs_on":    `Here it is agent { labels = ["key=value"] }.`,
			"runs-on":    `Here it is agent { labels = ["key=value"] }.`,
			"tags":       `Here it is agent { labels = ["key=value"] }.`,
			"container":  `Here it is "image".`,
			"run":        `Here it is "script", in an activity: activity "build" { script = "make" }.`,
			"script":     `A script stands in an activity: activity "build" { script = "make" }.`,
			"command":    `A command stands in an activity: activity "build" { command = ["make"] }.`,
			"step":       `Here it is "activity".`,
			"steps":      `Here they are blocks activity "name" { ... }.`,
			"strategy":   `Here it is "matrix", which is part of language 1 but which this release does not run yet.`,
			"if":         `Here it is "when", which is part of language 1 but which this release does not run yet.`,
			"name":       `The name is the label of the block; text for people goes into "description".`,
		},
	}
}

func activitySpec() *blockSpec {
	return &blockSpec{
		Name: "activity", Label: nameLabel, Many: true,
		Doc: "One step, in a container of its own. It has exactly one of `script` and `command`.",
		Args: append([]argSpec{
			{Name: "description", Type: typeString, Doc: "For people."},
			{Name: "image", Type: typeString, Phase: compile, Default: "the job's", Doc: "The container's image."},
			{Name: "script", Type: typeScript, Doc: "Passed to the shell as it stands: nothing is filled in."},
			{Name: "command", Type: typeStrings, Phase: compile, Doc: "Program and arguments, without a shell."},
			{Name: "shell", Type: typeString, Default: `"sh"`, Doc: "Who reads the script: `\"sh\"` (`sh -eu`), `\"bash\"` " +
				"(`bash -euo pipefail`) or `\"none\"` (the script's own `#!` line)."},
			{Name: "env", Type: typeEnv, Phase: compile, Doc: "Environment variables. Numbers and bools become text."},
			{Name: "timeout", Type: typeDuration, Phase: compile, Default: "1h", Doc: "For this activity."},
		}, laterArgs("use", "with", "when", "run_on", "retries", "allow_failure", "workdir", "user")...),
		Blocks: []*blockSpec{later("output", nameLabel), later("report", nameLabel)},
		Foreign: map[string]string{
			"run":               `Here it is "script".`,
			"uses":              `Here it is "use", which is part of language 1 but which this release does not run yet.`,
			"entrypoint":        `Here it is "command".`,
			"args":              `Here it is "command", with the program first.`,
			"environment":       `Here it is "env".`,
			"needs":             `Activities of a job run in the order in which they are written; "needs" belongs to jobs.`,
			"depends_on":        `Activities of a job run in the order in which they are written; "needs" belongs to jobs.`,
			"continue_on_error": `Here it is "allow_failure", which is part of language 1 but which this release does not run yet.`,
			"working_directory": `Here it is "workdir", which is part of language 1 but which this release does not run yet.`,
			"name":              `The name is the label of the block; text for people goes into "description".`,
		},
	}
}
