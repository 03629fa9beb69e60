# Trying again: always, or only for causes that are not the code's fault. All tries of an activity share one log; a job that is
# begun anew has one for each attempt.
tutti { language = 1 }

pipeline "retries" {
  on "push" {}
  on "manual" {}

  job "flaky" {
    image = "alpine:3.20"
    # Whatever goes wrong, up to twice more. The workspace stays, so this one passes at its third try.
    activity "third-time" {
      retries = 2
      script  = <<-SH
        echo x >> tries.txt
        n=$(wc -l < tries.txt)
        echo "this is try $n"
        test "$n" -ge 3
      SH
    }
    # A test that fails is not tried again; a registry that does not answer and an agent that is lost are.
    activity "tests" {
      retries = { image = 3, timeout = 1, lost = 2 }
      timeout = "2m"
      script  = "echo ok"
    }
  }

  # When its agent is lost (a machine that burned down, a network that is cut for longer than the fence), the whole job begins
  # anew on another one. Its first attempt stays to be seen, with its log.
  job "long" {
    needs   = [job.flaky]
    image   = "alpine:3.20"
    retries = { lost = 2 }
    fence   = "30m"
    activity "compute" { script = "echo 42" }
  }

  # What a deployment did before its agent was lost, nobody knows: it is not begun again by itself.
  job "deploy" {
    needs = [job.long]
    image = "alpine:3.20"
    activity "publish" {
      side_effects = true
      retries      = { exit = 1, image = 3 }
      script       = "echo published"
    }
  }
}
