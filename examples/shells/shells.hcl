# Four ways to say what an activity runs. Scripts are raw: every ${...} in them belongs to the shell.
pipeline "shells" {
  on "push" {}

  job "ways" {
    image = "debian:12"
    env   = { GREETING = "tutti" }

    activity "sh" { # the default: sh -eu
      script = <<-SH
        echo "${GREETING:-nobody} from $0"
        for i in 1 2 3; do echo "step $i of ${i}"; done
      SH
    }
    activity "bash" { # bash -euo pipefail
      shell  = "bash"
      script = <<-SH
        words=(one two three)
        echo "${#words[@]} words, the last is ${words[-1]}" | tr a-z A-Z
      SH
    }
    activity "own-interpreter" { # whatever the first line says
      shell  = "none"
      script = <<-PERL
        #!/usr/bin/perl
        print "perl $^V says $ENV{GREETING}\n";
      PERL
    }
    activity "command" { # no shell at all: nothing needs quotes
      command = ["printf", "%s\n", "a b", "$HOME stays as it is", "on ${coalesce(event.branch, "no branch")}"]
    }
  }
}
