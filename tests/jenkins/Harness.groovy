/*
 * java -cp groovy-all.jar:groovy-cps.jar:… groovy.ui.GroovyMain Harness.groovy JENKINSFILE SCENARIO RESULT
 * Exit code 2, with one line on standard error: the Jenkinsfile is refused. Otherwise RESULT is written, whatever comes
 * of the build.
 */
import com.cloudbees.groovy.cps.CpsTransformer
import com.cloudbees.groovy.cps.NonCPS
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilationFailedException

/** Not called Jenkinsfile: the compiler names the script's own class after its file. */
abstract class Pipeline extends Script {
    Declared declared

    @NonCPS
    void pipeline(Closure body) { declared = Declared.from(body) }

    // A method of the Jenkinsfile's own calls the steps of whoever calls it.
    @NonCPS
    Object methodMissing(String name, Object given) { Steps.CURRENT.get().invokeMethod(name, given) }

    @NonCPS
    Object propertyMissing(String name) {
        if (Steps.CURRENT.get() == null) { throw new MissingPropertyException(name, getClass()) }
        Steps.CURRENT.get().getProperty(name)
    }
}

File jenkinsfile = new File(args[0])
Map scenario = new JsonSlurper().parse(new File(args[1])) as Map
try {
    def configuration = new org.codehaus.groovy.control.CompilerConfiguration(scriptBaseClass: Pipeline.name)
    // As Jenkins compiles it: code that this can't transform isn't a pipeline's.
    configuration.addCompilationCustomizers(new CpsTransformer())
    Pipeline script = new GroovyShell(this.class.classLoader, new Binding(), configuration).parse(jenkinsfile) as Pipeline
    Whole.run { script.run() }
    if (script.declared == null) { throw new Refused('no pipeline') }
    Build build = new Build(scenario, script)
    String result = build.run(script.declared)
    new File(args[2]).text = JsonOutput.toJson([result: result, events: build.events, log: build.log as String,
                                                leaked: build.leaked, parameters: script.declared.parameters.keySet()])
} catch (Refused | CompilationFailedException | MissingPropertyException | MissingMethodException refused) {
    System.err.println(refused.message)
    System.exit(2)
}
System.exit(0)
