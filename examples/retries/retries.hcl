# Trying again: always, or only for causes that are not the code's fault. All tries of an activity share one log.
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
}
