package dsl

// language is language 1: every block and argument of it.
//
// It is built anew by each call, so that nobody can change it for others; parse does so once.
func language() *blockSpec {
	return &blockSpec{
		Doc: "Top level of a file",
		Blocks: []*blockSpec{
			{Name: "tutti", Doc: "The version of the language that the files are written in.", Args: []argSpec{
				{Name: "language", Type: typeNumber, Default: "1", Doc: "Only 1 exists."},
				{Name: "server", Type: typeString, Doc: "The releases of Tutti that can run the files, such as `\">= 1.2\"`; others refuse them."},
			}},
			{Name: "locals", Many: true, Free: true, Doc: "Values with a name, for use as `local.name`. Several blocks add up."},
			variableSpec(),
			{Name: "secret", Label: nameLabel, Many: true, Doc: "A value of the server that nobody may see, for use as `secret.name` in `env` and the like.",
				Args: []argSpec{
					description(),
					{Name: "optional", Type: typeBool, Default: "false", Doc: "Whether it may lack a value; it is null then."},
				}},
			{Name: "registry", Label: hostLabel, Many: true, Doc: "A registry of images that agents sign in to, by its host name.",
				NotRun: "images are pulled without credentials",
				Args: []argSpec{
					{Name: "username", Type: typeString, Phase: agent, Secrets: true, Required: true, Doc: "Who signs in."},
					{Name: "password", Type: typeString, Phase: agent, Secrets: true, Required: true, Doc: "A secret."},
				}},
			{Name: "library", Label: nameLabel, Many: true, Doc: "Definitions of another repository, for use as `lib.name.definition`. " +
				"`tutti lock` pins its commit and content in `tutti.lock.hcl`.",
				Args: []argSpec{
					{Name: "source", Type: typeString, Required: true, Doc: "Its repository, as in `\"github.com/acme/tutti-lib\"`."},
					{Name: "version", Type: typeString, Required: true, Doc: "A tag or a commit."},
				}},
			definitionSpec(),
			pipelineSpec(),
		},
		Foreign: map[string]string{
			"job":      `A job stands in a pipeline: pipeline "ci" { job "build" { ... } }.`,
			"workflow": `Here it is "pipeline".`,
			"on":       `It stands in a pipeline: pipeline "ci" { on "push" {} }.`,
			"include":  `All files of the folder are read as one; for those of other repositories there is library "name" { ... }.`,
		},
	}
}

func description() argSpec { return argSpec{Name: "description", Type: typeString, Doc: "For people."} }

func variableSpec() *blockSpec {
	return &blockSpec{
		Name: "variable", Label: nameLabel, Many: true,
		Doc: "A value that the server keeps for the project or an environment of it, for use as `var.name`.",
		Args: []argSpec{
			{Name: "type", Type: typeKeyword, Required: true, Doc: "Such as `string`, `number`, `list(string)` or `object({ a = string })`."},
			{Name: "default", Type: typeAny, Doc: "Without it, the server must have a value."},
			description(),
		},
		Blocks: []*blockSpec{checkSpec("var.x")},
	}
}

func checkSpec(self string) *blockSpec {
	return &blockSpec{
		Name: "check", Many: true, Doc: "What must hold of the value; nothing runs otherwise.",
		Args: []argSpec{
			{Name: "condition", Type: typeBool, Phase: compile, Required: true, Doc: "May use functions and `" + self + "` itself."},
			{Name: "message", Type: typeString, Required: true, Doc: "What people read if it does not hold."},
		},
	}
}

func pipelineSpec() *blockSpec {
	return &blockSpec{
		Name: "pipeline", Label: nameLabel, Many: true,
		Doc:  "A process: what starts it, and the jobs that it consists of.",
		Args: []argSpec{description()},
		Blocks: append(triggerSpecs(),
			inputSpec(),
			concurrencySpec("Runs", compile),
			approvalSpec(),
			jobSpec(),
		),
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

func triggerSpecs() []*blockSpec {
	paths := argSpec{Name: "paths", Type: typeGlobs, Doc: "At least one changed file must match."}
	return []*blockSpec{
		{Name: "on", Label: eventLabel, Event: "push", Doc: "A push starts the pipeline. " +
			"Without `branches` and `tags`, every branch and tag does; with one of them, only what it matches.", Args: []argSpec{
			{Name: "branches", Type: typeGlobs, Doc: "Branches whose pushes count."},
			{Name: "tags", Type: typeGlobs, Doc: "Tags whose pushes count."},
			paths,
		}},
		{Name: "on", Label: eventLabel, Event: "pull_request", Doc: "A pull request that is opened or changed starts the pipeline, on the result " +
			"of the merge. One from a fork gets no secrets: jobs that need them are skipped.", Args: []argSpec{
			{Name: "target", Type: typeGlobs, Doc: "Branches that the pull request wants to change."},
			paths,
		}},
		{Name: "on", Label: eventLabel, Event: "tag", Doc: "The push of a tag starts the pipeline.", Args: []argSpec{
			{Name: "names", Type: typeGlobs, Doc: "Tags that count."},
		}},
		{Name: "on", Label: eventLabel, Event: "schedule", Many: true, Doc: "The clock starts the pipeline, on the default branch. Several blocks add up.", Args: []argSpec{
			{Name: "cron", Type: typeString, Required: true, Doc: "Minute, hour, day of month, month and day of week, as in `\"30 4 * * 1-5\"`."},
			{Name: "timezone", Type: typeString, Default: `"UTC"`, Doc: "Such as `\"Europe/Berlin\"`."},
		}},
		{Name: "on", Label: eventLabel, Event: "manual", Doc: "A person or the API starts the pipeline."},
		{Name: "on", Label: eventLabel, Event: "pipeline", Many: true, Doc: "A run of another pipeline of the project starts the pipeline, when it has passed.", Args: []argSpec{
			{Name: "source", Type: typeString, Required: true, Doc: "The name of that pipeline."},
		}},
	}
}

func inputSpec() *blockSpec {
	return &blockSpec{
		Name: "input", Label: nameLabel, Many: true,
		Doc: "A value that whoever starts the pipeline can give, for use as `input.name`.",
		Args: []argSpec{
			{Name: "type", Type: typeKeyword, Default: "string", Doc: "Such as `string`, `number`, `bool` or `list(string)`, without quotes."},
			{Name: "default", Type: typeAny, Doc: "Required if anything but `on \"manual\"` starts the pipeline, since only people give inputs."},
			description(),
			{Name: "choices", Type: typeAny, Doc: "The values that are allowed, as a list of the input's type."},
		},
		Blocks:  []*blockSpec{checkSpec("input.x")},
		Foreign: map[string]string{"options": `Here it is "choices".`, "required": `An input without "default" is required.`},
	}
}

func concurrencySpec(what string, p phase) *blockSpec {
	return &blockSpec{
		Name: "concurrency",
		Doc:  what + " of the project with the same group take turns. Queued ones keep their order, and none is dropped silently.",
		Args: []argSpec{
			{Name: "group", Type: typeString, Phase: p, Required: true, Doc: "Any text, such as `\"deploy-${event.branch}\"`."},
			{Name: "policy", Type: typeWord, Phase: p, Words: []string{"queue", "cancel_running", "cancel_waiting"}, Default: `"queue"`,
				Doc: "What a newcomer does: wait for all before it, cancel them all, or cancel those that wait."},
		},
		Foreign: map[string]string{"cancel_in_progress": `Here it is policy = "cancel_running".`},
	}
}

func approvalSpec() *blockSpec {
	return &blockSpec{
		Name: "approval", Label: nameLabel, Many: true,
		Doc: "A question to people. What needs `approval.name` waits for the answer.",
		Args: []argSpec{
			description(),
			{Name: "needs", Type: typeNeeds, Doc: "What must have passed before anybody is asked."},
			{Name: "when", Type: typeBool, Phase: dispatch, Default: "true", Doc: "Whether anybody has to be asked. If not, it is skipped."},
			{Name: "approvers", Type: typeStrings, Phase: dispatch, Doc: "People, or `\"group:name\"`. None means anybody."},
			{Name: "message", Type: typeString, Phase: dispatch, Doc: "What they are asked."},
			{Name: "timeout", Type: typeDuration, Phase: dispatch, Default: "72h", Doc: "How long an answer is waited for."},
		},
		Foreign: map[string]string{"reviewers": `Here it is "approvers".`},
	}
}
