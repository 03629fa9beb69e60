package dsl

// runOn is what both jobs and activities have.
func runOn(doc string) argSpec {
	return argSpec{Name: "run_on", Type: typeWord, Words: []string{"passed", "failed", "always"}, Default: `"passed"`, Doc: doc}
}

func jobSpec() *blockSpec {
	return &blockSpec{
		Name: "job", Label: nameLabel, Many: true,
		Doc: "What one agent does: its activities run one after the other and share a workspace. Jobs run side by side, unless they need each other.",
		Args: []argSpec{
			description(),
			{Name: "needs", Type: typeNeeds, Doc: "`job.x`, `approval.x`, or `optional(job.x)`, which may be skipped. " +
				"A job whose values are used is needed without being listed."},
			{Name: "when", Type: typeBool, Phase: dispatch, Default: "true", Doc: "Whether it runs at all. If not, it is skipped."},
			runOn("How what it needs must have ended: `\"failed\"` means that at least one failed."),
			{Name: "image", Type: typeString, Phase: dispatch, Doc: "Image of the activities that name none."},
			{Name: "env", Type: typeEnv, Phase: agent, Secrets: true, Doc: "Environment of all activities but those with `use`; an activity's own `env` wins."},
			{Name: "environment", Type: typeString, Phase: compile, Doc: "Where it deploys to: chooses the values of variables and secrets."},
			{Name: "timeout", Type: typeDuration, Phase: compile, Default: "1h", Doc: "For the whole job."},
			{Name: "retries", Type: typeLost, Phase: compile, Default: "{ lost = 0 }", Doc: "How often the whole job is begun anew, on another agent if there is one, " +
				"after it was lost. Not for a job in which an activity has `side_effects`."},
			{Name: "fence", Type: typeDuration, Phase: compile, Default: "the server's, 10m", Doc: "For how long it may go on while its agent cannot reach the server: " +
				"`1m` to `24h`. It is ended then, and lost."},
		},
		Blocks: []*blockSpec{
			agentSpec(), matrixSpec(), concurrencySpec("Jobs", dispatch), workspaceSpec(), serviceSpec(), cacheSpec(),
			activitySpec(), artifactSpec(),
			{Name: "output", Label: nameLabel, Many: true, Doc: "A value for other jobs, as `job.name.outputs.x`.", Args: []argSpec{
				{Name: "value", Type: typeAny, Phase: agent, Required: true, Secrets: true, Doc: "Its type is that of the expression. A secret needs `sensitive`."},
				{Name: "sensitive", Type: typeBool, Default: "false", Doc: "Treat it as a secret wherever it goes."},
			}},
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
			"strategy":   `Here it is matrix { axes = { ... } }.`,
			"services":   `Each service is a block of its own: service "postgres" { ... }.`,
			"if":         `Here it is "when", a bool.`,
			"only":       `Here it is "when", a bool, or on "push" { branches = [...] } in the pipeline.`,
			"name":       `The name is the label of the block; text for people goes into "description".`,
		},
	}
}

func agentSpec() *blockSpec {
	return &blockSpec{Name: "agent", Doc: "Which agents can run the job.", Args: []argSpec{
		{Name: "labels", Type: typeStrings, Phase: dispatch, Doc: "All of them must be on the agent, each as `\"key=value\"`."},
		{Name: "os", Type: typeString, Phase: dispatch, Default: "any", Doc: "Such as `\"linux\"`."},
		{Name: "arch", Type: typeString, Phase: dispatch, Default: "any", Doc: "Such as `\"amd64\"` or `\"arm64\"`."},
		{Name: "cpu", Type: typeNumber, Phase: dispatch, Default: "the agent's", Doc: "Cores that each container may use."},
		{Name: "memory", Type: typeSize, Phase: dispatch, Default: "the agent's", Doc: "What each container may use, such as `\"512MiB\"` or `\"2GiB\"`."},
	}, Foreign: map[string]string{"label": `Here it is "labels", a list.`, "pool": `Here it is labels = ["pool=name"].`}}
}

func matrixSpec() *blockSpec {
	return &blockSpec{Name: "matrix", Doc: "Runs the job once for each combination of values, for use as `matrix.axis`.", Args: []argSpec{
		{Name: "axes", Type: typeAxes, Phase: dispatch, Required: true, Doc: "A list of values by axis. All values of an axis have one type."},
		{Name: "exclude", Type: typeObjects, Phase: dispatch, Doc: "Combinations to leave out, each with all axes."},
		{Name: "include", Type: typeObjects, Phase: dispatch, Doc: "Combinations to add, each with all axes."},
		{Name: "max_parallel", Type: typeNumber, Phase: dispatch, Default: "no limit", Doc: "How many run side by side."},
		{Name: "fail_fast", Type: typeBool, Phase: dispatch, Default: "false", Doc: "Whether the first one that fails cancels the others."},
	}}
}

func workspaceSpec() *blockSpec {
	return &blockSpec{Name: "workspace", Doc: "The files that the activities find.", Args: []argSpec{
		{Name: "checkout", Type: typeBool, Default: "true", Doc: "Whether the files of the commit are there."},
		{Name: "depth", Type: typeNumber, Default: "1", Doc: "Commits of history; 0 is all.", NotRun: "the history has one commit"},
		{Name: "submodules", Type: typeBool, Default: "false", Doc: "Whether to check them out too.", NotRun: "submodules stay empty"},
		{Name: "unpack", Type: typeUnpack, Doc: "Artifacts by folder: `{ \"dist\" = job.build.artifacts.app }`.", NotRun: "the job fails at its start"},
	}}
}

func serviceSpec() *blockSpec {
	return &blockSpec{
		Name: "service", Label: hostLabel, Many: true, NotRun: "the job fails at its start",
		Doc: "A container beside the activities, reachable under its name. It is ready before the first activity starts.",
		Args: []argSpec{
			{Name: "image", Type: typeString, Phase: dispatch, Required: true, Doc: "The container's image."},
			{Name: "env", Type: typeEnv, Phase: dispatch, Secrets: true, Doc: "Its environment."},
			{Name: "command", Type: typeStrings, Phase: dispatch, Default: "the image's", Doc: "Program and arguments."},
			{Name: "ready", Type: typeStrings, Phase: dispatch, Doc: "A command in it that succeeds once it can be used."},
		},
	}
}

func cacheSpec() *blockSpec {
	return &blockSpec{
		Name: "cache", Label: nameLabel, Many: true, NotRun: "every run starts without it",
		Doc: "A folder that is kept from one run to the next. It is saved if the job passes.",
		Args: []argSpec{
			{Name: "path", Type: typeString, Phase: dispatch, Required: true, Doc: "Where the activities see it: an absolute path."},
			{Name: "key", Type: typeString, Phase: dispatch, Required: true, Doc: "What the content depends on, such as `\"go-${hash_files(\"go.sum\")}\"`."},
			{Name: "restore", Type: typeStrings, Phase: dispatch, Doc: "Beginnings of keys that will do, if there is none with the key itself."},
		},
		Foreign: map[string]string{"restore_keys": `Here it is "restore".`, "paths": `Here it is "path", one folder.`},
	}
}

func artifactSpec() *blockSpec {
	return &blockSpec{
		Name: "artifact", Label: nameLabel, Many: true, NotRun: "nothing is kept",
		Doc: "Files of the workspace that are kept when the job ends, also when it fails.",
		Args: []argSpec{
			{Name: "paths", Type: typeStrings, Phase: dispatch, Required: true, Doc: "Globs of files, relative to the workspace."},
			{Name: "keep", Type: typeDuration, Phase: dispatch, Default: "30d", Doc: "How long."},
			{Name: "when_missing", Type: typeWord, Phase: dispatch, Words: []string{"fail", "warn", "ignore"}, Default: `"fail"`, Doc: "What to do if no file matches."},
		},
		Foreign: map[string]string{"path": `Here it is "paths", a list.`},
	}
}
