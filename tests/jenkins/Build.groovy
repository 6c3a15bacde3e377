/*
 * Runs a declared pipeline as a controller with one agent would: stage by stage, its `sh` steps for real.
 */
import java.nio.file.FileSystems
import java.nio.file.Path
import java.util.concurrent.TimeUnit

class Stopped extends RuntimeException {
    final String result

    Stopped(String result, String why) {
        super(why)
        this.result = result
    }
}

/** What a build is run with and leaves behind. `scenario` is described in harness.py. */
class Build {
    static final List<String> WORST = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'ABORTED']
    final Map scenario
    final Script script
    final List<Map> events = [].asSynchronized()
    final StringBuffer log = new StringBuffer()
    final Set<String> secrets = [].toSet().asSynchronized()
    final Map<String, Object> params
    final File workspace
    volatile boolean leaked
    List<String> ending = ['FAILURE', 'ABORTED']

    Build(Map scenario, Script script) {
        this.scenario = scenario
        this.script = script
        this.workspace = new File(scenario.workspace as String)
        this.params = [:]
    }

    void event(String kind, Map more) { events << ([kind: kind] + more) }

    /** A line of the log, masked as the credentials-binding plugin masks; the harness also notes that it had to. */
    void say(String line) {
        String shown = line
        secrets.each { String secret ->
            if (shown.contains(secret)) {
                leaked = true
                shown = shown.replace(secret, '****')
            }
        }
        log.append(shown).append('\n')
    }

    String run(Declared pipeline) {
        pipeline.parameters.each { String name, Map one ->
            Object given = scenario.params.containsKey(name) ? scenario.params[name] : one.value
            if (one.kind == 'choice' && !(given in one.choices)) { throw new Refused("${given} is no choice of ${name}") }
            params[name] = given
        }
        Map<String, String> env = (scenario.env as Map<String, String>) + params.collectEntries { k, v -> [(k): v as String] }
        if (pipeline.options.containsKey('skipStagesAfterUnstable')) { ending << 'UNSTABLE' }
        Frame frame = new Frame(this, env, deadline(pipeline.options, Long.MAX_VALUE), pipeline.agent)
        String result = frame.attempt('pipeline', pipeline.environment, pipeline.post) { Frame inner ->
            inner.sequence(pipeline.stages)
        }
        event('end', [result: result])
        result
    }

    /** When what begins now with these options must have ended, in milliseconds. */
    long deadline(Map<String, List> options, long outer) {
        List given = options.timeout
        given ? Math.min(outer, System.currentTimeMillis() + milliseconds(given[0] as Map)) : outer
    }

    long milliseconds(Map timeout) {
        long minutes = (timeout.time as long) * (['MINUTES': 1, 'HOURS': 60, 'DAYS': 1440][timeout.unit ?: 'MINUTES'])
        (minutes * (scenario.minute as double) * 1000) as long
    }
}

/** Where the build is: the environment, the deadline, the agent. */
class Frame {
    final Build build
    final Map<String, String> env
    final long deadline
    final Object agent
    String stage = ''

    Frame(Build build, Map<String, String> env, long deadline, Object agent) {
        this.build = build
        this.env = new LinkedHashMap<>(env)
        this.deadline = deadline
        this.agent = agent
    }

    Frame within(Map<String, List> options, Object agent, String stage) {
        Frame inner = new Frame(build, env, build.deadline(options, deadline), agent ?: this.agent)
        inner.stage = stage
        inner
    }

    /** What a stage or the pipeline does, then its `post`; the result. */
    String attempt(String name, Closure environment, Post post, Closure<String> body) {
        String result
        try {
            if (environment) { call(environment, new Variables(this)) }
            result = body.call(this)
        } catch (Stopped stopped) {
            build.say("${name}: ${stopped.message}")
            result = stopped.result
        }
        post?.due(result)?.each { String condition ->
            try {
                build.event('post', [stage: name, condition: condition])
                // ModelInterpreter runs it within the stage's own timeout, which leaves what it cut short a minute
                // (GRACE_PERIOD of TimeoutStepExecution).
                long over = System.currentTimeMillis() < deadline ? 0 : build.milliseconds([time: 1])
                Frame after = new Frame(build, env, deadline + over, agent)
                after.stage = name
                result = worst(result, after.steps(post.bodies[condition]))
            } catch (Stopped stopped) {
                build.say("${name}, ${condition}: ${stopped.message}")
                result = worst(result, stopped.result)
            }
        }
        result
    }

    String sequence(List<Stage> stages) {
        String result = 'SUCCESS'
        stages.each { Stage one ->
            if (result in build.ending) {
                build.event('stage', [stage: one.name, status: 'SKIPPED', why: 'earlier failure'])
            } else {
                result = worst(result, stage(one))
            }
        }
        result
    }

    String stage(Stage one) {
        Frame inner = within(one.options, one.agent, one.name)
        if (one.when && !new When(inner).holds(one.when)) {
            build.event('stage', [stage: one.name, status: 'SKIPPED', why: 'when'])
            return 'SUCCESS'
        }
        build.event('stage', [stage: one.name, status: 'BEGUN', agent: inner.agent as String])
        if (one.agent instanceof Map && !one.options.skipDefaultCheckout) { build.event('checkout', [stage: one.name]) }
        String result = inner.attempt(one.name, one.environment, one.post) { Frame frame ->
            one.steps ? frame.steps(one.steps) : one.branches ? frame.parallel(one) : frame.sequence(one.stages)
        }
        build.event('stage', [stage: one.name, status: result])
        result
    }

    String parallel(Stage parent) {
        Map<String, String> results = [:].asSynchronized()
        List<Thread> threads = parent.branches.collect { Stage one ->
            new Thread({
                try {
                    results[one.name] = stage(one)
                } catch (Throwable fault) {
                    build.event('fault', [stage: one.name, why: fault as String])
                    results[one.name] = 'FAILURE'
                }
            })
        }
        threads*.start()
        if (parent.failFast) {
            while (threads.any { it.alive }) {
                if (results.values().any { it in ['FAILURE', 'ABORTED'] }) { threads*.interrupt() }
                threads*.join(20)
            }
        }
        threads*.join()
        results.values().inject('SUCCESS') { String a, String b -> worst(a, b) }
    }

    String steps(Closure body) {
        Steps outer = Steps.CURRENT.get()
        Steps here = new Steps(this)
        Steps.CURRENT.set(here)
        try {
            call(body, here)
        } finally {
            Steps.CURRENT.set(outer)
        }
        here.result
    }

    static Object call(Closure body, Object delegate) {
        body.delegate = delegate
        body.resolveStrategy = Closure.DELEGATE_ONLY
        Whole.run(body)
    }

    static String worst(String a, String b) { Build.WORST.indexOf(a) >= Build.WORST.indexOf(b) ? a : b }

    Object known(String name) {
        if (name == 'env') { return env }
        if (name == 'params') { return build.params }
        throw new MissingPropertyException("No such property: ${name}")
    }
}

/** `environment { NAME = 'value' }` */
class Variables {
    private final Frame frame

    Variables(Frame frame) { this.frame = frame }

    void setProperty(String name, Object value) { frame.env[name] = value as String }

    Object getProperty(String name) { frame.env.containsKey(name) ? frame.env[name] : frame.known(name) }
}

/** `when { … }`: all that it holds must be true. */
class When {
    private final Frame frame
    private final List<Boolean> answers = []

    When(Frame frame) { this.frame = frame }

    boolean holds(Closure body) {
        Frame.call(body, this)
        answers.every()
    }

    void branch(String name) { answers << (frame.env.BRANCH_NAME == name) }
    void changeRequest() { answers << (frame.env.CHANGE_ID != null) }
    void buildingTag() { answers << (frame.env.TAG_NAME != null) }
    void expression(Closure body) { answers << (Frame.call(body, new Asked(frame)) as boolean) }
    void environment(Map given) { answers << (frame.env[given.name as String] == given.value) }
    void not(Closure body) { answers << !new When(frame).holds(body) }
    void allOf(Closure body) { answers << new When(frame).holds(body) }
    void anyOf(Closure body) {
        When inner = new When(frame)
        Frame.call(body, inner)
        answers << inner.answers.any()
    }
    void beforeAgent(boolean _) { }
    void beforeInput(boolean _) { }

    static class Asked {
        private final Frame frame

        Asked(Frame frame) { this.frame = frame }

        Object getProperty(String name) { frame.known(name) }
    }
}

/** The steps that a pipeline may use. One that isn't here isn't in deploy/jenkins/plugins.txt either. */
class Steps {
    static final ThreadLocal<Steps> CURRENT = new ThreadLocal<>()
    private final Frame frame
    String result = 'SUCCESS'

    Steps(Frame frame) { this.frame = frame }

    Object getProperty(String name) { metaClass.hasProperty(this, name) ? metaClass.getProperty(this, name) : frame.known(name) }

    Object methodMissing(String name, Object given) {
        Object own = frame.build.script
        if (own.metaClass.respondsTo(own, name, given as Object[])) { return own.invokeMethod(name, given) }
        throw new Refused("${frame.stage}: no step is called ${name}")
    }

    Object sh(Map given) { sh(given.script, given.label as String) }

    Object sh(Object script, String label = null) {
        if (frame.agent == 'none') { throw new Refused("${frame.stage}: sh without an agent") }
        String text = script as String
        if (frame.build.secrets.any { text.contains(it) }) {
            throw new Refused("${frame.stage}: Groovy puts a credential into the text of a script; let the shell read it")
        }
        long began = System.currentTimeMillis()
        BigDecimal limit = (frame.deadline - began) / 1000 / (frame.build.scenario.minute as BigDecimal)
        int status = Shell.run(frame, text)
        frame.build.event('sh', [stage: frame.stage, script: text, status: status, limit: limit,
                                 seconds: (System.currentTimeMillis() - began) / 1000])
        if (status != 0) { throw new Stopped('FAILURE', "script returned exit code ${status}") }
        null
    }

    void echo(Object text) { frame.build.say(text as String) }

    void error(Object text) { throw new Stopped('FAILURE', text as String) }

    void timeout(Map given, Closure body) {
        Frame inner = frame.within([timeout: [given]], null, frame.stage)
        result = Frame.worst(result, inner.steps(body))
    }

    void input(Map given) {
        frame.build.event('input', [stage: frame.stage, message: given.message as String, submitter: given.submitter])
        if (frame.agent != 'none') { throw new Refused("${frame.stage}: an input that holds an agent while it waits") }
        switch (frame.build.scenario.approval) {
            case 'yes': return
            case 'no': throw new Stopped('ABORTED', 'Rejected')
            default:
                // Nobody answers: what would come at the end of its time comes at once.
                if (frame.deadline == Long.MAX_VALUE) { throw new Refused("${frame.stage}: waits forever") }
                throw new Stopped('ABORTED', 'Timeout has been exceeded')
        }
    }

    void withCredentials(List<Map> bindings, Closure body) {
        Frame inner = frame.within([:], null, frame.stage)
        List<File> files = []
        bindings.each { Map one ->
            Map kept = frame.build.scenario.credentials[one.credentialsId as String] as Map
            if (kept == null) { throw new Stopped('FAILURE', "Could not find credentials entry with ID '${one.credentialsId}'") }
            if (kept.kind != one.kind) { throw new Stopped('FAILURE', "${one.credentialsId} is a ${kept.kind}") }
            if (one.kind == 'file') {
                File copy = File.createTempFile('credential', '', frame.build.workspace.parentFile)
                copy.text = kept.text
                files << copy
                inner.env[one.variable as String] = copy.path
                frame.build.secrets.addAll((kept.text as String).readLines().findAll { it.length() > 7 })
            } else {
                inner.env[one.usernameVariable as String] = kept.username
                inner.env[one.passwordVariable as String] = kept.password
                frame.build.secrets << (kept.password as String)
            }
            frame.build.event('credential', [stage: frame.stage, id: one.credentialsId as String])
        }
        try {
            result = Frame.worst(result, inner.steps(body))
        } finally {
            files*.delete()
        }
    }

    Map file(Map given) { given + [kind: 'file'] }
    Map usernamePassword(Map given) { given + [kind: 'usernamePassword'] }

    /** Results of tests: none at all is a failure, a failed one makes the build unstable, as in the junit plugin. */
    void junit(Map given) {
        List<File> found = matching(given.testResults as String)
        frame.build.event('junit', [stage: frame.stage, files: found*.name])
        if (!found && !given.allowEmptyResults) { throw new Stopped('FAILURE', 'No test report files were found.') }
        if (found.any { new XmlSlurper().parse(it).'**'.any { it.name() in ['failure', 'error'] } }) {
            result = Frame.worst(result, 'UNSTABLE')
        }
    }

    void archiveArtifacts(Map given) {
        List<File> found = matching(given.artifacts as String)
        frame.build.event('artifacts', [stage: frame.stage, files: found*.name])
        if (!found && !given.allowEmptyArchive) { throw new Stopped('FAILURE', "No artifacts match ${given.artifacts}") }
    }

    void recordCoverage(Map given) {
        List<String> found = given.tools.collectMany { matching(it.pattern as String)*.name }
        frame.build.event('coverage', [stage: frame.stage, files: found])
    }

    private List<File> matching(String patterns) {
        Path root = frame.build.workspace.toPath()
        List<File> found = []
        patterns.split(/,\s*/).each { String pattern ->
            def matcher = FileSystems.default.getPathMatcher("glob:${pattern}")
            if (root.toFile().directory) {
                root.toFile().eachFileRecurse { if (it.file && matcher.matches(root.relativize(it.toPath()))) { found << it } }
            }
        }
        found.unique()
    }
}

/** A script as the agent runs it: by `sh -xe`, with what it prints in the log. */
class Shell {
    static int run(Frame frame, String script) {
        ProcessBuilder builder = new ProcessBuilder('sh', '-xec', script)
        builder.directory(frame.build.workspace).redirectErrorStream(true)
        builder.environment().clear()
        builder.environment().putAll(frame.env.findAll { it.value != null })
        Process process = builder.start()
        process.outputStream.close()
        Thread reader = new Thread({ process.inputStream.eachLine('UTF-8') { frame.build.say(it) } })
        reader.start()
        try {
            long left = frame.deadline - System.currentTimeMillis()
            if (!process.waitFor(left, TimeUnit.MILLISECONDS)) {
                frame.build.event('sh', [stage: frame.stage, script: script, status: 'TIMEOUT'])
                end(process)
                throw new Stopped('ABORTED', 'Timeout has been exceeded')
            }
        } catch (InterruptedException _) {
            end(process)
            throw new Stopped('ABORTED', 'A parallel stage failed')
        }
        reader.join(5000)
        process.exitValue()
    }

    private static void end(Process process) {
        process.toHandle().descendants().forEach { it.destroyForcibly() }
        process.destroyForcibly()
    }
}
