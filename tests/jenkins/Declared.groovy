/*
 * What a declarative Jenkinsfile says, as a tree. What Jenkins's own validator refuses is refused here with a sentence: a
 * directive that doesn't exist, one that is missing, or one that is there twice.
 * Source: jenkins.io/doc/book/pipeline/syntax, read for pipeline-model-definition 2.x.
 */
import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.impl.CpsCallableInvocation
import java.lang.reflect.InvocationTargetException

class Refused extends RuntimeException {
    Refused(String message) { super(message) }
}

/** Runs code of the Jenkinsfile to its end: transformed, it gives itself back as an invocation, to be continued step by step. */
class Whole {
    static Object run(Closure code) {
        try {
            return code.call()
        } catch (CpsCallableInvocation begun) {
            try {
                return new Continuable(begun.asBlock()).run(null)
            } catch (InvocationTargetException fault) {
                throw fault.targetException
            }
        }
    }
}

/** One block: knows which directives it takes; each is called as a method with a value or a closure. */
abstract class Block {
    final String name
    final Map seen = [:]

    Block(String name) { this.name = name }

    abstract Map<String, Closure> directives()

    Object invokeMethod(String directive, Object given) {
        Closure take = directives()[directive]
        if (take == null) {
            throw new Refused("${name}: there is no ${directive} here, only ${directives().keySet().sort().join(', ')}")
        }
        if (seen.containsKey(directive) && directive != 'stage') {
            throw new Refused("${name}: ${directive} is said twice")
        }
        List arguments = given as List
        seen[directive] = arguments
        take.call(*arguments)
    }

    Object getProperty(String property) {
        MetaProperty known = metaClass.hasProperty(this, property)
        if (known != null) { return known.getProperty(this) }
        if (property == 'none' || property == 'any') { return property }
        throw new Refused("${name}: ${property} isn't known here")
    }

    /** `agent none`, `agent any`, or the label that it must have. */
    static Object agent(String name, Object given) {
        given instanceof Closure ? Block.read(new Settings(name, ['label']), given).values : given
    }

    static <B extends Block> B read(B block, Closure body) {
        body.delegate = block
        body.resolveStrategy = Closure.DELEGATE_ONLY
        Whole.run(body)
        block
    }
}

class Settings extends Block {
    final Map<String, List> values = [:]
    private final List<String> known

    Settings(String name, List<String> known) {
        super(name)
        this.known = known
    }

    Map<String, Closure> directives() {
        known.collectEntries { String one -> [(one): { Object... given -> values[one] = given as List }] }
    }
}

class Parameters extends Block {
    final Map<String, Map> values = [:]

    Parameters() { super('parameters') }

    Map<String, Closure> directives() {
        ['choice', 'booleanParam', 'string', 'text'].collectEntries { String kind ->
            [(kind): { Map given ->
                if (!given.name || !given.description) { throw new Refused("parameters: a ${kind} lacks name or description") }
                Object first = kind == 'choice' ? given.choices[0] : given.defaultValue
                values[given.name as String] = [kind: kind, choices: given.choices, value: first]
                seen.remove(kind)
            }]
        }
    }
}

/** `post`: a closure for each condition, which is run when the stage or the pipeline has ended. */
class Post extends Block {
    // In the order in which Jenkins runs them.
    static final List<String> ORDER = ['always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success',
                                       'unstable', 'unsuccessful', 'cleanup']
    final Map<String, Closure> bodies = [:]

    Post(String name) { super(name) }

    Map<String, Closure> directives() {
        ORDER.collectEntries { String one -> [(one): { Closure body -> bodies[one] = body }] }
    }

    List<String> due(String result) {
        List<String> wanted = ['always', 'cleanup', ['SUCCESS': 'success', 'FAILURE': 'failure', 'ABORTED': 'aborted',
                                                     'UNSTABLE': 'unstable'][result]]
        if (result != 'SUCCESS') { wanted << 'unsuccessful' }
        ORDER.findAll { it in wanted && bodies.containsKey(it) }
    }
}

class Stage extends Block {
    static final List<String> OPTIONS = ['timeout', 'retry', 'timestamps', 'skipDefaultCheckout']
    final List<Stage> stages = []
    final List<Stage> branches = []
    Object agent
    Closure when, environment, steps
    Map<String, List> options = [:]
    Post post
    boolean failFast
    boolean beforeAgent

    Stage(String name) { super(name) }

    Map<String, Closure> directives() {
        [
            agent: { Object given -> agent = Block.agent("${name}: agent", given) },
            when: { Closure body -> when = body },
            environment: { Closure body -> environment = body },
            options: { Closure body -> options = Block.read(new Settings("${name}: options", OPTIONS), body).values },
            steps: { Closure body -> steps = body },
            stages: { Closure body -> stages.addAll(Block.read(new Stages("${name}: stages"), body).stages) },
            parallel: { Closure body -> branches.addAll(Block.read(new Stages("${name}: parallel"), body).stages) },
            failFast: { boolean given -> failFast = given },
            post: { Closure body -> post = Block.read(new Post("${name}: post"), body) },
        ]
    }

    void check() {
        if (['steps', 'stages', 'parallel'].count { seen.containsKey(it) } != 1) {
            throw new Refused("${name}: exactly one of steps, stages and parallel")
        }
        if (seen.parallel && seen.agent) { throw new Refused("${name}: no agent beside parallel") }
        if (branches.any { it.seen.parallel }) { throw new Refused("${name}: parallel within parallel") }
    }
}

class Stages extends Block {
    final List<Stage> stages = []

    Stages(String name) { super(name) }

    Map<String, Closure> directives() {
        [stage: { String title, Closure body ->
            if (stages.any { it.name == title }) { throw new Refused("${name}: two stages are called ${title}") }
            Stage one = Block.read(new Stage(title), body)
            one.check()
            stages << one
        }]
    }
}

class Declared extends Block {
    static final List<String> OPTIONS = ['timeout', 'timestamps', 'buildDiscarder', 'disableConcurrentBuilds',
                                         'skipDefaultCheckout', 'skipStagesAfterUnstable', 'preserveStashes', 'retry',
                                         'quietPeriod']
    Object agent
    Closure environment
    Map<String, List> options = [:]
    Map<String, Map> parameters = [:]
    List<Stage> stages = []
    Post post

    Declared() { super('pipeline') }

    Map<String, Closure> directives() {
        [
            agent: { Object given -> agent = Block.agent('agent', given) },
            options: { Closure body ->
                Closure discarder = { Object... given -> given as List }
                Settings found = Block.read(new PipelineOptions(discarder), body)
                options = found.values
            },
            parameters: { Closure body -> parameters = Block.read(new Parameters(), body).values },
            environment: { Closure body -> environment = body },
            stages: { Closure body -> stages = Block.read(new Stages('stages'), body).stages },
            post: { Closure body -> post = Block.read(new Post('post'), body) },
        ]
    }

    static Declared from(Closure body) {
        Declared found = Block.read(new Declared(), body)
        ['agent', 'stages'].each { if (!found.seen.containsKey(it)) { throw new Refused("pipeline: no ${it}") } }
        if (!found.stages) { throw new Refused('pipeline: no stage') }
        found
    }
}

/** Options of the whole pipeline: `buildDiscarder(logRotator(…))` calls a function within. */
class PipelineOptions extends Settings {
    private final Closure discarder

    PipelineOptions(Closure discarder) {
        super('options', Declared.OPTIONS)
        this.discarder = discarder
    }

    Map<String, Closure> directives() {
        super.directives() + [logRotator: discarder]
    }
}
